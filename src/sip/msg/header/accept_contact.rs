//! Caller preferences: which devices a request is for.

use super::features::encode;
use super::{FeatureTags, read_by};
use crate::sip::HeaderError;
use crate::sip::msg::{Header, Name};
use crate::wire::Text;
use crate::wire::cursor::{Cursor, Syntax};
use crate::wire::params::{Params, ParamsRef};
use std::borrow::Cow;

macro_rules! preferences {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct $name {
            /// The feature tags, and `require` and `explicit`.
            pub params: Params,
        }

        impl $name {
            /// What a device has to be able to do.
            pub const fn features(&self) -> FeatureTags<'_> {
                FeatureTags::new(&self.params)
            }
        }

        impl Header for $name {
            const NAME: Name = Name::$name;
            const LIST: bool = true;

            read_by!(read_params, |params: ParamsRef<'_>, value| Self {
                params: params.own(value),
            });

            fn write(&self, out: &mut String) {
                out.push('*');
                self.params.write(out);
            }
        }
    )*};
}

preferences! {
    /// What the devices that get the request should be able to do (RFC 3841 §9.2).
    AcceptContact;
    /// What they should not be able to do (RFC 3841 §9.2).
    RejectContact;
    /// What the proxies and servers on the way can do (RFC 6809).
    FeatureCaps;
}

fn read_params<'a>(cursor: &mut Cursor<'a>) -> Result<ParamsRef<'a>, Syntax> {
    cursor.expect(b'*', "an asterisk")?;
    ParamsRef::read(cursor)
}

impl AcceptContact {
    /// Devices that offer the communication service `icsi`; with `instance` only that one device, which
    /// must have the service (RFC 3841 §9.2).
    pub fn for_service(icsi: &str, instance: Option<&str>) -> Self {
        let mut this = Self::default();
        this.params.set_quoted(FeatureTags::ICSI, &encode(icsi));
        if let Some(instance) = instance {
            this.params
                .set_quoted(FeatureTags::INSTANCE, &format!("<{instance}>"));
            this = this.required();
        }
        this
    }

    /// The same preference as a condition: no device without the features gets the request.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.params.set("require", None);
        self.params.set("explicit", None);
        self
    }

    /// Whether devices without the features do not get the request.
    pub fn require(&self) -> bool {
        self.params.has("require")
    }

    /// Whether a device must say that it has the features.
    pub fn explicit(&self) -> bool {
        self.params.has("explicit")
    }

    /// The communication services that are asked for, without escapes.
    pub fn icsis(&self) -> Vec<String> {
        self.features().icsis().map(Cow::into_owned).collect()
    }

    /// The device that is asked for.
    pub fn instance(&self) -> Option<&str> {
        self.features().instance()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    const ICSI: &str = "urn:urn-7:3gpp-service.ims.icsi.oma.cpm.msg";

    #[test]
    fn preferences_there_and_back() {
        there_and_back::<AcceptContact>(&[
            ("*;audio;require", "*;audio;require"),
            (
                "* ; +g.3gpp.icsi-ref = \"urn%3Aurn-7%3A3gpp-service.ims.icsi.oma.cpm.msg\" ;require;explicit",
                "*;+g.3gpp.icsi-ref=\"urn%3Aurn-7%3A3gpp-service.ims.icsi.oma.cpm.msg\";require;explicit",
            ),
            ("*", "*"),
        ]);
        there_and_back::<RejectContact>(&[(
            "*;actor=\"msg-taker\";video",
            "*;actor=\"msg-taker\";video",
        )]);
        refused::<AcceptContact>(&[("", 0), ("<sip:a@b>", 0), ("*audio", 1), ("*;=x", 2)]);
    }

    #[test]
    fn a_service_is_asked_for_as_it_is_recognised() {
        let any = AcceptContact::for_service(ICSI, None);
        assert_eq!(
            written(&any),
            "*;+g.3gpp.icsi-ref=\"urn%3Aurn-7%3A3gpp-service.ims.icsi.oma.cpm.msg\""
        );
        assert!(!any.require());
        assert_eq!(any.icsis(), [ICSI]);
        let one = AcceptContact::for_service(ICSI, Some("urn:uuid:1"));
        let one: AcceptContact = read(&written(&one));
        assert!(one.require() && one.explicit());
        assert_eq!(one.instance(), Some("urn:uuid:1"));
        assert!(one.features().has_icsi(ICSI));
    }
}
