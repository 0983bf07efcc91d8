//! Header fields as values: one small type per header, or per family of headers with one grammar.
//!
//! A value is made when it is asked for, by [`Headers::get`](super::Headers::get) and its sisters, and shares
//! the buffer of its message. Reading is lenient where the meaning is clear; writing follows the grammar to
//! the letter, whatever the fields hold: no value can end its line. What only a strict reader refuses is
//! in [`check`].

mod accept_contact;
mod address;
mod auth;
mod contact;
mod content;
mod cpm;
mod cseq;
mod date;
mod dialog;
mod event;
mod features;
mod name_addr;
mod numbers;
mod reason;
mod session_expires;
mod strict;
mod texts;
mod tokens;
mod valued;
mod via;
mod warning;

pub use accept_contact::{AcceptContact, FeatureCaps, RejectContact};
pub use address::{
    AlertInfo, CallInfo, Diversion, ErrorInfo, From, Geolocation, HistoryInfo, IdentityInfo,
    PAssertedIdentity, PAssociatedUri, PCalledPartyId, PChargeInfo, PPreferredIdentity,
    PProfileKey, PRefusedUriList, PServedUser, PUserDatabase, Path, PermissionMissing,
    PolicyContact, PolicyId, RecordRoute, ReferEventsAt, ReferTo, ReferredBy, ReplyTo, Route,
    ServiceRoute, To, TriggerConsent,
};
pub use auth::{
    AuthParams, AuthenticationInfo, Authorization, Credentials, ProxyAuthenticate,
    ProxyAuthenticationInfo, ProxyAuthorization, WwwAuthenticate,
};
pub use contact::Contact;
pub use content::{Accept, ContentDisposition, ContentType};
pub use cpm::{
    ContributionId, ConversationId, InReplyToContributionId, MessageExpires, SessionReplaces,
};
pub use cseq::{CSeq, RAck};
pub use date::Date;
pub use dialog::{Join, Replaces, TargetDialog};
pub use event::{Event, State, SubscriptionState};
pub use features::FeatureTags;
pub use name_addr::NameAddr;
pub use numbers::{
    ContentLength, Expires, FlowTimer, MaxBreadth, MaxForwards, MinExpires, MinSe, RSeq,
    RetryAfter, Timestamp,
};
pub use reason::Reason;
pub use session_expires::{Refresher, SessionExpires};
pub use strict::check;
pub(super) use strict::check_as;
pub use texts::{
    CallId, ContentId, Identity, InReplyTo, MessageUid, MimeVersion, Organization,
    PAssertedService, PPreferredService, Priority, Server, SipEtag, SipIfMatch, Subject,
    SuppressIfMatch, UserAgent,
};
pub use tokens::{
    AcceptEncoding, AcceptLanguage, AcceptResourcePriority, Allow, AllowEvents, ContentEncoding,
    ContentLanguage, PEarlyMedia, PMediaAuthorization, Privacy, ProxyRequire, RecvInfo,
    RequestDisposition, Require, ResourcePriority, Supported, Unsupported,
};
pub use valued::{
    AnswerMode, GeolocationError, GeolocationRouting, InfoPackage, PAccessNetworkInfo,
    PAnswerState, PChargingFunctionAddresses, PChargingVector, PPrivateNetworkIndication,
    PVisitedNetworkId, PrivAnswerMode, ReferSub, RestorationInfo, SecurityClient, SecurityServer,
    SecurityVerify, SessionId, UserToUser, Valued,
};
pub use via::Via;
pub use warning::Warning;

use super::Header;
use crate::sip::HeaderError;
use crate::wire::Text;
use crate::wire::cursor::{Cursor, Syntax};
use std::borrow::Cow;

/// The error of header `H`.
fn of<H: Header>(error: Syntax) -> HeaderError {
    HeaderError::syntax(H::NAME, error.expected, error.at)
}

/// A part of `text` without its escapes, sharing the buffer where there are none.
fn shared(text: &Text, part: Cow<'_, str>) -> Text {
    match part {
        Cow::Borrowed(part) => text.slice_ref(part),
        Cow::Owned(part) => Text::from(part),
    }
}

/// Reads one value of header `H` that fills the text, white space around it aside.
#[inline]
fn whole<'a, H: Header, T>(
    text: &'a str,
    read: impl FnOnce(&mut Cursor<'a>) -> Result<T, Syntax>,
) -> Result<T, HeaderError> {
    let mut cursor = Cursor::new(text);
    cursor.skip_lws();
    let value = read(&mut cursor).map_err(of::<H>)?;
    cursor.end().map_err(of::<H>)?;
    Ok(value)
}

/// Reading and checking a header by the one function that knows its grammar. That borrows from the value, and
/// what it answers becomes the header by `own`, which is given the value to share its buffer. Where putting the
/// answer together is dear there is one more function, which moves past the same and answers nothing.
macro_rules! read_by {
    ($read:expr, $own:expr) => {
        super::read_by!($read, $read, $own);
    };
    ($read:expr, $check:expr, $own:expr) => {
        fn parse(value: &Text) -> Result<Self, HeaderError> {
            let read = super::whole::<Self, _>(value, $read)?;
            Ok($own(read, value))
        }

        #[inline]
        fn check(value: &str) -> Result<(), HeaderError> {
            super::whole::<Self, _>(value, $check).map(drop)
        }
    };
}
use read_by;

#[cfg(test)]
mod testing {
    //! What the tables of the headers are made of.

    use super::*;

    pub(super) fn read<H: Header>(value: &str) -> H {
        H::parse(&Text::from(value)).unwrap_or_else(|error| panic!("{value:?}: {error}"))
    }

    pub(super) fn written<H: Header>(header: &H) -> String {
        let mut out = String::new();
        header.write(&mut out);
        out
    }

    /// Each text is read and written as the second one, which then stays as it is.
    pub(super) fn there_and_back<H: Header>(table: &[(&str, &str)]) {
        for (text, canonical) in table {
            assert_eq!(written(&read::<H>(text)), *canonical, "{text:?}");
            assert_eq!(written(&read::<H>(canonical)), *canonical, "again");
        }
    }

    /// Each text is refused at the offset.
    pub(super) fn refused<H: Header + std::fmt::Debug>(table: &[(&str, usize)]) {
        for (text, offset) in table {
            match H::parse(&Text::from(*text)) {
                Err(HeaderError::Syntax { name, at, expected }) => {
                    assert_eq!(name, H::NAME);
                    assert_eq!(at, *offset, "{text:?}: expected {expected}");
                }
                other => panic!("{text:?}: {other:?}"),
            }
        }
    }
}
