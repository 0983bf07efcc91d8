//! Decodes any message of the protocols of this crate, nested bodies included, and says what is wrong with it.
//!
//! ```text
//! cargo run --example inspect -- [--json] [--strict] [--as KIND] FILE|-
//! ```

use cpm::engine::Limits;
use cpm::sip::msg::Mode;
use cpm::trace::decode::{Kind, document};
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
  SIP          offset, kind, type (request|response), method, uri | status, reason,
               headers[]{offset,name,spelled,value,values[],error}, body, valid, breaches[]{offset,what,section}
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
    file: std::ffi::OsString,
}

fn options() -> Result<Option<Options>, lexopt::Error> {
    use lexopt::prelude::*;
    let (mut json, mut mode, mut kind, mut file) = (false, Mode::Receive, None, None);
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Short('h') | Long("help") => return Ok(None),
            Long("json") => json = true,
            Long("strict") => mode = Mode::Strict,
            Long("as") => {
                let name = arguments.value()?.string()?;
                kind =
                    Some(Kind::named(&name).ok_or_else(|| format!("--as does not know {name:?}"))?);
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

fn read(file: &std::ffi::OsStr) -> std::io::Result<Vec<u8>> {
    if file != "-" {
        return std::fs::read(file);
    }
    let mut input = Vec::new();
    std::io::stdin().read_to_end(&mut input)?;
    Ok(input)
}

fn main() -> ExitCode {
    let options = match options() {
        Ok(Some(options)) => options,
        Ok(None) => {
            print(HELP);
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("inspect: {error}");
            return ExitCode::from(2);
        }
    };
    let input = match read(&options.file) {
        Ok(input) => input,
        Err(error) => {
            eprintln!("inspect: {}: {error}", options.file.display());
            return ExitCode::from(2);
        }
    };
    let document = document(input.into(), options.kind, options.mode, &Limits::default());
    print(&match options.json {
        true => document.node.to_json() + "\n",
        false => document.node.to_text(),
    });
    match document.fault {
        Some(fault) => {
            eprintln!("inspect: {}: {fault}", options.file.display());
            ExitCode::FAILURE
        }
        None => ExitCode::SUCCESS,
    }
}

/// Prints, and does not mind a reader that has seen enough.
fn print(text: &str) {
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}
