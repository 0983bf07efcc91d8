//! Headers that name a dialog.

use super::read_by;
use crate::sip::HeaderError;
use crate::sip::msg::{Header, Name};
use crate::wire::Text;
use crate::wire::cursor::{ByteSet, write_line};
use crate::wire::params::{Params, ParamsRef};

/// A Call-ID that parameters follow.
const CALL_ID: &ByteSet = &ByteSet::visible_except(b";");

macro_rules! dialogs {
    ($($(#[$doc:meta])* $name:ident, $receiver:literal, $sender:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name {
            /// The Call-ID of the dialog.
            pub call_id: Text,
            /// The tags, and whatever else.
            pub params: Params,
        }

        impl $name {
            /// The dialog that the receiver knows by these tags.
            pub fn new(call_id: &str, receiver_tag: &str, sender_tag: &str) -> Self {
                Self {
                    call_id: Text::from(call_id),
                    params: Params::new()
                        .with($receiver, Some(receiver_tag))
                        .with($sender, Some(sender_tag)),
                }
            }

            /// The tag of the one who receives the header.
            pub fn receiver_tag(&self) -> Option<&str> {
                self.params.value($receiver)
            }

            /// The tag of the other side.
            pub fn sender_tag(&self) -> Option<&str> {
                self.params.value($sender)
            }
        }

        impl Header for $name {
            const NAME: Name = Name::$name;
            const LIST: bool = false;

            read_by!(
                |cursor| Ok((cursor.take(CALL_ID, "a Call-ID")?, ParamsRef::read(cursor)?)),
                |(call_id, params): (&str, ParamsRef<'_>), value: &Text| Self {
                    call_id: value.slice_ref(call_id),
                    params: params.own(value),
                }
            );

            fn write(&self, out: &mut String) {
                write_line(&self.call_id, out);
                self.params.write(out);
            }
        }
    )*};
}

dialogs! {
    /// The dialog that an INVITE takes the place of (RFC 3891 §6.1).
    Replaces, "to-tag", "from-tag";
    /// The dialog that an INVITE joins (RFC 3911 §7.1).
    Join, "to-tag", "from-tag";
    /// The dialog by which a request proves that its sender was asked (RFC 4538 §7).
    TargetDialog, "local-tag", "remote-tag";
}

impl Replaces {
    /// Whether only a dialog that is not confirmed may be replaced.
    pub fn early_only(&self) -> bool {
        self.params.has("early-only")
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn dialogs_there_and_back() {
        there_and_back::<Replaces>(&[
            (
                "98732@sip.example.com ;from-tag=r33th4x0r ;to-tag=ff87ff",
                "98732@sip.example.com;from-tag=r33th4x0r;to-tag=ff87ff",
            ),
            (
                "12adf2f34456gs5;to-tag=12345;from-tag=54321;early-only",
                "12adf2f34456gs5;to-tag=12345;from-tag=54321;early-only",
            ),
        ]);
        let target = TargetDialog::new("fa77as7dad8-sd98ajzz@host.example.com", "kkaz-", "6544");
        assert_eq!(
            written(&target),
            "fa77as7dad8-sd98ajzz@host.example.com;local-tag=kkaz-;remote-tag=6544"
        );
        assert_eq!(
            (target.receiver_tag(), target.sender_tag()),
            (Some("kkaz-"), Some("6544"))
        );
        assert!(read::<Replaces>("a;early-only").early_only());
        refused::<Join>(&[("", 0), (";to-tag=1", 0), ("a b", 2)]);
    }
}
