//! Decodes any message of the protocols of this crate, nested bodies included, and says what is wrong with it.
//!
//! ```text
//! cargo run --example inspect -- [--json] [--strict] [--as KIND] FILE|-
//! ```

use cpm::engine::Limits;
use cpm::sip::msg::Mode;
use cpm::trace::decode::{Kind, document};
use std::ffi::OsString;
use std::io::{Read, Write};
use std::process::ExitCode;

const HELP: &str = "\
Decodes a message of SIP, MSRP, CPIM, SDP, IMDN, isComposing or multipart, with all bodies in it.

usage: inspect [--json] [--strict] [--as KIND] FILE|-

  FILE         what to decode; - reads standard input. Messages of SIP and MSRP may follow one another as on a
               stream, with CRLF keep-alives between SIP messages; each is decoded in turn. A SIP message without
               Content-Length takes all that follows, as in a datagram.
  --as KIND    decode as sip, msrp, cpim, sdp, imdn, composing or multipart. Without it, the kind is told by the
               first lines.
  --strict     judge SIP as a strict reader does: every known header field must follow its grammar. Without it,
               only what makes a message unusable is refused, as an endpoint does that receives it.
  --json       print one JSON object instead of a tree.
  -h, --help   print this.

A tree has one line for each thing found; @N is the byte at which it begins, !! precedes what is wrong with it.
Inside a body that was encoded (base64, quoted-printable, deflate), bytes are counted after decoding.

The JSON object has these fields; those without a value are left out:

  document     bytes, kind, messages[], keep_alives[]{offset,type}, valid, error
  error        offset, what, section (where the rule that is broken stands)
  SIP          offset, kind, type (request|response), method, uri, uri_parts | status, reason,
               headers[]{offset,name,spelled,value,values[],remark,error}, body, valid,
               breaches[]{offset,what,section}; a remark is a breach that only a strict reader minds
  MSRP         offset, kind, type, transaction_id, method | status, reason, to_path[], from_path[], message_id,
               byte_range{start,end,total}, success_report, failure_report, status, continuation ($, + or #),
               headers[] (the others), body, put_together (a body of several chunks, with the last of them)
  body         offset, length, content_type, transfer_encoding, content_encoding, decoded_length, error, kind, and
    sdp          origin{user,session_id,version,address}, connection, lines[]{offset,name,value},
                 media[]{offset,type,port,protocol,formats,connection,direction,path[],setup,lines[]}
    multipart    boundary, parts[]{headers[]{offset,name,value},body}
    cpim         from, to[], cc[], date_time, subject, message_id, dispositions[],
                 headers[]{offset,name,namespace,spelled,language,value}, content_headers[], body
    imdn         message_id, date_time, recipient_uri, original_recipient_uri, subject, notification, status
    composing    state, composing_type, last_active, refresh
    xml          root, namespace, text
    text         text
    binary       base64

exit status: 0 all is well, 1 something is wrong with the input (one line on standard error says what and at
which byte), 2 wrong usage or no such file
";

/// What was asked for.
struct Options {
    json: bool,
    mode: Mode,
    kind: Option<Kind>,
    file: OsString,
}

fn options(arguments: Vec<OsString>) -> Result<Option<Options>, lexopt::Error> {
    use lexopt::prelude::*;
    let (mut json, mut mode, mut kind, mut file) = (false, Mode::Receive, None, None);
    let mut arguments = lexopt::Parser::from_args(arguments);
    while let Some(argument) = arguments.next()? {
        match argument {
            Short('h') | Long("help") => return Ok(None),
            Long("json") => json = true,
            Long("strict") => mode = Mode::Strict,
            Long("as") => {
                let name = arguments.value()?.string()?;
                let named = Kind::named(&name);
                kind = Some(named.ok_or_else(|| format!("--as does not know {name:?}"))?);
            }
            Value(name) if file.is_none() => file = Some(name),
            other => return Err(other.unexpected()),
        }
    }
    let file = file.ok_or("no FILE given; see --help")?;
    Ok(Some(Options {
        json,
        mode,
        kind,
        file,
    }))
}

/// Does what the arguments ask for. The answer is the exit status.
pub fn run(
    arguments: Vec<OsString>,
    input: &mut dyn Read,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> std::io::Result<u8> {
    let options = match options(arguments) {
        Ok(Some(options)) => options,
        Ok(None) => {
            out.write_all(HELP.as_bytes())?;
            return Ok(0);
        }
        Err(error) => {
            writeln!(err, "inspect: {error}")?;
            return Ok(2);
        }
    };
    let name = options.file.display();
    let mut bytes = Vec::new();
    let read = match options.file == "-" {
        true => input.read_to_end(&mut bytes).map(drop),
        false => std::fs::read(&options.file).map(|content| bytes = content),
    };
    if let Err(error) = read {
        writeln!(err, "inspect: {name}: {error}")?;
        return Ok(2);
    }
    let document = document(bytes.into(), options.kind, options.mode, &Limits::default());
    let shown = match options.json {
        true => document.node.to_json() + "\n",
        false => document.node.to_text(),
    };
    out.write_all(shown.as_bytes())?;
    Ok(match document.fault {
        Some(fault) => {
            writeln!(err, "inspect: {name}: {fault}")?;
            1
        }
        None => 0,
    })
}

fn main() -> ExitCode {
    let arguments = std::env::args_os().skip(1).collect();
    let (input, out, err) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
    // A reader that has seen enough and closes its end is no failure of ours.
    run(
        arguments,
        &mut input.lock(),
        &mut out.lock(),
        &mut err.lock(),
    )
    .map_or(ExitCode::SUCCESS, ExitCode::from)
}
