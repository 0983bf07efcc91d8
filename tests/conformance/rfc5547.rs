//! RFC 5547: what a session description says of a file.

use cpm::engine::{DateTime, Limits};
use cpm::sdp::Session;
use cpm::sdp::file::{File, FileErrorKind, Hash, Range, Selector};
use cpm::sdp::msrp::Media;
use proptest::prelude::*;

/// The attributes of the offer of RFC 5547 §9.1, in our own words.
const OFFER: &str = "v=0\r\n\
    o=alice 2890844526 2890844526 IN IP4 alicepc.example.com\r\n\
    s=\r\n\
    c=IN IP4 alicepc.example.com\r\n\
    t=0 0\r\n\
    m=message 7654 TCP/MSRP *\r\n\
    a=sendonly\r\n\
    a=accept-types:message/cpim\r\n\
    a=accept-wrapped-types:*\r\n\
    a=path:msrp://atlanta.example.com:7654/jshA7we;tcp\r\n\
    a=file-selector:name:\"My cool picture.jpg\" type:image/jpeg size:32349 hash:sha-1:72:24:5F:E8:65:3D:DA:F3:71:36:2F:86:D4:71:91:3E:E4:A2:CE:2E\r\n\
    a=file-transfer-id:Q6LMoGymJdh0IKIgD6wD0jkcfgva4xvE\r\n\
    a=file-disposition:render\r\n\
    a=file-date:creation:\"Mon, 15 May 2006 15:01:31 +0300\"\r\n\
    a=file-icon:cid:id2@alicepc.example.com\r\n\
    a=file-range:1-32349\r\n";

fn read(attributes: &[(&str, &str)]) -> Result<Option<File>, cpm::sdp::file::FileError> {
    File::read(attributes.iter().map(|(name, value)| (*name, Some(*value))))
}

fn selector(text: &str) -> Selector {
    Selector::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn rfc5547_6_every_attribute_in_both_directions() {
    let session = Session::parse(&OFFER.into(), &Limits::default()).unwrap();
    let media = Media::find(&session).unwrap();
    let attributes = |media: &Media| {
        let pairs = media.extra.iter();
        let pairs = pairs.map(|(name, value)| (name.as_str(), value.as_deref()));
        File::read(pairs).unwrap().unwrap()
    };
    let file = attributes(&media);
    let chosen = file.selector.clone().unwrap();
    assert_eq!(chosen.name.as_deref(), Some("My cool picture.jpg"));
    assert_eq!(chosen.media_type.as_deref(), Some("image/jpeg"));
    assert_eq!(chosen.size, Some(32349));
    assert_eq!(chosen.hashes[0].algorithm, "sha-1");
    assert_eq!(chosen.hashes[0].value[..3], [0x72, 0x24, 0x5f]);
    assert_eq!(chosen.hashes[0].value.len(), 20);
    assert_eq!(
        file.transfer_id.as_deref(),
        Some("Q6LMoGymJdh0IKIgD6wD0jkcfgva4xvE")
    );
    assert_eq!(file.disposition.as_deref(), Some("render"));
    assert_eq!(
        file.created.unwrap().to_rfc3339(),
        "2006-05-15T15:01:31+03:00"
    );
    assert_eq!((file.modified, file.read), (None, None));
    assert_eq!(file.icon.as_deref(), Some("cid:id2@alicepc.example.com"));
    let range = Range {
        start: 1,
        end: Some(32349),
    };
    assert_eq!(file.range, Some(range));
    // Written, they are the same bytes.
    for (name, value) in file.attributes().unwrap() {
        let line = format!("a={name}:{}\r\n", value.unwrap());
        assert!(OFFER.contains(&line), "{line}");
    }
    let mut other = media;
    other.extra = file.attributes().unwrap();
    assert_eq!(attributes(&other), file);
}

#[test]
fn rfc5547_6_what_peers_may_write() {
    for (text, name, size) in [
        ("", None, None),
        ("size:4092", None, Some(4092)),
        ("  size:1   name:\"a b\" ", Some("a b"), Some(1)),
        ("NAME:\"x\" future:thing Size:7", Some("x"), Some(7)),
        ("name:unquoted", Some("unquoted"), None),
        // What a name cannot hold.
        (
            "name:\"100%25 %22sure%22.txt\"",
            Some("100% \"sure\".txt"),
            None,
        ),
        (
            "name:\"Gr%C3%BC\u{df}e: 1.txt\"",
            Some("Gr\u{fc}\u{df}e: 1.txt"),
            None,
        ),
    ] {
        let selector = selector(text);
        assert_eq!(selector.name.as_deref(), name, "{text}");
        assert_eq!(selector.size, size, "{text}");
    }
    let typed = selector("type:text/plain;charset=\"utf 8\" size:1");
    assert_eq!(
        typed.media_type.as_deref(),
        Some("text/plain;charset=\"utf 8\"")
    );
    assert_eq!(selector(&typed.write().unwrap()), typed);
    let two = selector("hash:SHA-1:0a:0B hash:sha-256:ff");
    assert_eq!(two.hashes.len(), 2);
    assert_eq!(two.hashes[0].algorithm, "sha-1");
}

#[test]
fn rfc5547_6_what_is_malformed_is_refused_where_it_is() {
    use FileErrorKind as K;
    for (attribute, value, kind, at) in [
        ("file-selector", "size", K::Part, 0),
        ("file-selector", "size:1 name:\"x", K::Quote, 12),
        ("file-selector", "size:-1", K::Number, 5),
        ("file-selector", "size:99999999999999999999", K::Number, 5),
        ("file-selector", "name:\"%zz\"", K::Escape, 6),
        ("file-selector", "name:\"%ff\"", K::Escape, 6),
        ("file-selector", "hash:sha-1", K::Hash, 5),
        ("file-selector", "hash:sha-1:7", K::Hash, 5),
        ("file-selector", "hash:sha-1:+7", K::Hash, 5),
        ("file-selector", "type:jpeg", K::Value, 5),
        ("file-transfer-id", "a b", K::Value, 1),
        ("file-transfer-id", "", K::Value, 0),
        ("file-date", "creation:\"yesterday\"", K::Date, 10),
        ("file-icon", "http://x", K::Value, 0),
        ("file-range", "0-5", K::Range, 0),
        ("file-range", "5-4", K::Range, 0),
        ("file-range", "5", K::Range, 0),
    ] {
        let error = read(&[(attribute, value)]).unwrap_err();
        assert_eq!((error.kind, error.at), (kind, at), "{value}: {error}");
        assert_eq!(error.attribute, attribute);
    }
}

#[test]
fn rfc5547_8_2_a_section_without_a_selector_is_no_file() {
    assert_eq!(read(&[("file-transfer-id", "abc")]), Ok(None));
    assert!(File::read([("file-selector", None)]).unwrap().is_some());
    let range = Range::parse("7-*").unwrap();
    assert_eq!((range.start, range.end), (7, None));
}

#[test]
fn rfc5547_8_3_the_same_file_has_the_same_hash_whatever_its_name() {
    let one = selector("name:\"a\" size:5 hash:sha-1:01:02");
    for (other, agrees) in [
        ("name:\"b\" size:5 hash:sha-1:01:02", true),
        ("size:5", true),
        ("", true),
        ("hash:sha-256:07", true),
        ("size:6", false),
        ("hash:sha-1:01:03", false),
    ] {
        assert_eq!(one.agrees(&selector(other)), agrees, "{other}");
    }
}

#[test]
fn nothing_can_be_smuggled_into_a_line() {
    let file = |edit: fn(&mut File)| {
        let mut file = File {
            selector: Some(Selector::default()),
            ..File::default()
        };
        edit(&mut file);
        file.attributes()
    };
    let name = file(|f| f.selector.as_mut().unwrap().name = Some("a\r\nm=x".into()));
    let value = name.unwrap().remove(0).1.unwrap();
    assert_eq!(value, "name:\"a%0D%0Am=x\"");
    let edits: [fn(&mut File); 5] = [
        |f| f.transfer_id = Some("a\r\nb".into()),
        |f| f.disposition = Some("".into()),
        |f| f.icon = Some("cid:a\nb".into()),
        |f| {
            f.range = Some(Range {
                start: 0,
                end: None,
            })
        },
        |f| f.selector.as_mut().unwrap().media_type = Some("a/b\r\nc".into()),
    ];
    for edit in edits {
        assert!(file(edit).is_err());
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        name in proptest::option::of("\\PC{1,40}|[\\x00-\\x7f]{1,10}"),
        size in proptest::option::of(any::<u64>()),
        hash in proptest::collection::vec(any::<u8>(), 0..32),
        range in proptest::option::of((1u64.., proptest::option::of(0u64..1000))),
        seconds in proptest::option::of(0i64..4_000_000_000),
    ) {
        let hashes = match hash.is_empty() {
            true => vec![],
            false => vec![Hash { algorithm: "sha-256".into(), value: hash }],
        };
        let date = |s: i64| DateTime::parse_from_rfc3339("1970-01-01T00:00:00+01:00").unwrap()
            + std::time::Duration::from_secs(s as u64);
        let file = File {
            selector: Some(Selector { name: name.map(Into::into), size, media_type: None, hashes }),
            modified: seconds.map(date),
            range: range.map(|(start, more)| Range {
                start,
                end: more.map(|more| start.saturating_add(more)),
            }),
            ..File::default()
        };
        let written = file.attributes().unwrap();
        let pairs = written.iter().map(|(name, value)| (name.as_str(), value.as_deref()));
        prop_assert_eq!(File::read(pairs).unwrap(), Some(file));
    }

    #[test]
    fn nothing_makes_it_panic(text in "\\PC{0,60}", quoted in "[:\"a%0-9 -]{0,30}") {
        for name in ["file-selector", "file-date", "file-range", "file-icon"] {
            let _ = read(&[(name, &text)]);
            let _ = read(&[(name, &quoted)]);
        }
    }
}
