//! Session-Expires: how long a session lives without a refresh.

use super::read_by;
use crate::sip::HeaderError;
use crate::sip::msg::{Header, Name};
use crate::wire::Text;
use crate::wire::params::{Params, ParamsRef};

/// How long a session lives without a refresh, and who refreshes it (RFC 4028 §4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionExpires {
    /// Seconds.
    pub delta: u32,
    /// Who refreshes.
    pub refresher: Option<Refresher>,
    /// The other parameters.
    pub params: Params,
}

/// Who refreshes a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refresher {
    /// The side that sent the request.
    Uac,
    /// The side that answered it.
    Uas,
}

impl SessionExpires {
    /// So many seconds.
    pub const fn new(delta: u32, refresher: Option<Refresher>) -> Self {
        Self {
            delta,
            refresher,
            params: Params::new(),
        }
    }
}

impl Header for SessionExpires {
    const NAME: Name = Name::SessionExpires;
    const LIST: bool = false;

    read_by!(
        |cursor| Ok((cursor.number::<u32>()?, ParamsRef::read(cursor)?)),
        |(delta, params): (u32, ParamsRef<'_>), value| {
            let mut params = params.own(value);
            let refresher = params.value("refresher").and_then(|role| {
                let is = |name: &str| role.eq_ignore_ascii_case(name);
                match (is("uac"), is("uas")) {
                    (true, _) => Some(Refresher::Uac),
                    (_, true) => Some(Refresher::Uas),
                    _ => None,
                }
            });
            params.remove("refresher");
            Self {
                delta,
                refresher,
                params,
            }
        }
    );

    fn write(&self, out: &mut String) {
        out.push_str(&self.delta.to_string());
        match self.refresher {
            None => {}
            Some(Refresher::Uac) => out.push_str(";refresher=uac"),
            Some(Refresher::Uas) => out.push_str(";refresher=uas"),
        }
        self.params.write(out);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn rfc4028_4_there_and_back() {
        there_and_back::<SessionExpires>(&[
            ("1800", "1800"),
            ("1800 ; refresher=UAC", "1800;refresher=uac"),
            ("90;x=y;refresher=uas", "90;refresher=uas;x=y"),
            // Who that may be, nobody knows; then nobody was named.
            ("90;refresher=proxy", "90"),
        ]);
        assert_eq!(
            read::<SessionExpires>("90;refresher=uas").refresher,
            Some(Refresher::Uas)
        );
        refused::<SessionExpires>(&[("", 0), ("x", 0), ("99999999999", 0), ("90 x", 3)]);
    }
}
