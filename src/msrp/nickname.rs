//! Names in chat rooms (RFC 7701 §7): how they are asked for, and who has which.

use super::digest;
use super::endpoint::Endpoint;
use super::error::SendError;
use super::event::Event;
use super::msg::{Method, Path, Request, Response, Status};
use super::pending::What;
use super::session::SessionId;
use crate::engine::{ConnId, Cx, Ids, Map};
use crate::wire::Text;
use crate::wire::cursor::{Cursor, write_quoted};
use bytes::BufMut;
use std::hash::Hash;

/// The right to answer one NICKNAME request, once.
#[must_use = "who asks for a nickname waits for the answer"]
#[derive(Debug)]
pub struct NicknameRequest {
    pub(super) conn: ConnId,
    pub(super) transaction_id: Text,
    pub(super) to_path: Path,
    pub(super) from_path: Path,
}

/// The nickname in a Use-Nickname header field: a quoted string, or a bare word as some write it. Empty: none any more.
pub(super) fn read(request: &Request) -> Option<Text> {
    let value = digest::find(&request.others, "Use-Nickname").next()?;
    let mut cursor = Cursor::new(value);
    let name = match cursor.quoted().ok()? {
        Some(quoted) => {
            cursor.end().ok()?;
            quoted.value().into_owned()
        }
        None => value.as_str().to_owned(),
    };
    Some(name.into())
}

impl Endpoint {
    /// Asks a chat room for a nickname (RFC 7701 §7.1); the empty one gives up the one we have.
    /// [`Event::NicknameAnswered`] follows.
    ///
    /// # Errors
    ///
    /// The session is not up, or the name contains a control character.
    pub fn request_nickname(
        &mut self,
        cx: &mut Cx<'_>,
        session: SessionId,
        nickname: &str,
    ) -> Result<(), SendError> {
        let state = self.sessions.get(session.0).filter(|state| state.up);
        let state = state.ok_or(SendError::Closed)?;
        let (to, conn) = state
            .peer
            .clone()
            .zip(state.conn)
            .ok_or(SendError::Closed)?;
        let from = Path::from(state.local.clone());
        if nickname.contains(char::is_control) {
            return Err(SendError::Unwritable);
        }
        let id = self.conns.get(conn.0).map(|c| c.pending.next_id(cx.ids));
        let id = id.ok_or(SendError::Closed)?;
        let mut request = Request::new(Method::Nickname, id.text(), to, from);
        let mut value = String::new();
        write_quoted(nickname, &mut value);
        let field = (Text::from_static("Use-Nickname"), Text::from(value));
        request.others.push(field);
        let bytes = request.write().map_err(|_| SendError::Unwritable)?;
        self.register(conn, id, What::Nickname(session));
        self.control(cx, conn, |out| out.put_slice(&bytes));
        Ok(())
    }

    /// Answers [`Event::NicknameRequested`]: 200, or 403, 423, 424, 425 (RFC 7701 §7.1).
    pub fn answer_nickname(&mut self, cx: &mut Cx<'_>, request: NicknameRequest, status: Status) {
        // All the way back: relays between us pass it on.
        let response = Response {
            transaction_id: request.transaction_id,
            status,
            comment: Text::from_static(status.phrase()),
            to_path: request.from_path,
            from_path: request.to_path,
            others: Vec::new(),
        };
        if let Ok(bytes) = response.write() {
            self.control(cx, request.conn, |out| out.put_slice(&bytes));
        }
    }

    /// A NICKNAME request arrived in a session.
    pub(super) fn nickname(
        &mut self,
        cx: &mut Cx<'_>,
        conn: ConnId,
        session: SessionId,
        request: &Request,
    ) {
        let right = NicknameRequest {
            conn,
            transaction_id: request.transaction_id.compact(),
            to_path: Path::from(request.to_path.first().compact()),
            from_path: request.from_path.compact(),
        };
        match read(request) {
            Some(nickname) => self.events.push_back(Event::NicknameRequested {
                session,
                nickname: nickname.compact(),
                request: right,
            }),
            None => self.answer_nickname(cx, right, Status::BAD_NICKNAME),
        }
    }
}

/// Who has which nickname in a room: the server's side of RFC 7701 §7.
///
/// Two names are the same if they look the same but for case and spaces at the ends. A member has one at most, and no
/// other member can have it.
#[derive(Debug)]
pub struct Nicknames<M> {
    by_name: Map<String, M>,
    by_member: Map<M, Text>,
    reserved: Vec<String>,
    most: usize,
}

impl<M: Clone + Eq + Hash> Nicknames<M> {
    /// No names yet, for a room of `most` members.
    pub fn new(most: usize, ids: &mut Ids) -> Self {
        Self {
            by_name: ids.map(),
            by_member: ids.map(),
            reserved: Vec::new(),
            most,
        }
    }

    /// A name that nobody may have.
    pub fn reserve(&mut self, nickname: &str) {
        self.reserved.push(key(nickname));
    }

    /// Gives a member a name, or takes the one it has if the new one is empty.
    ///
    /// # Errors
    ///
    /// The status to answer with: 424 for what is no name, 425 for one that is taken or reserved, 423 where there are
    /// as many names as members. The member keeps the name that it had.
    pub fn claim(&mut self, member: &M, nickname: &str) -> Result<(), Status> {
        let name = nickname.trim();
        if name.is_empty() {
            self.release(member);
            return Ok(());
        }
        if name.len() > LONGEST || !name.chars().all(is_printed) {
            return Err(Status::BAD_NICKNAME);
        }
        let key = key(name);
        match self.by_name.get(&key) {
            Some(owner) if owner != member => return Err(Status::NICKNAME_TAKEN),
            _ if self.reserved.contains(&key) => return Err(Status::NICKNAME_TAKEN),
            None if !self.by_member.contains_key(member) && self.by_member.len() >= self.most => {
                return Err(Status::OUT_OF_BOUNDS);
            }
            _ => {}
        }
        self.release(member);
        self.by_name.insert(key, member.clone());
        self.by_member.insert(member.clone(), Text::from(name));
        Ok(())
    }

    /// Takes a member's name, as when it leaves; others may have it then.
    pub fn release(&mut self, member: &M) {
        if let Some(name) = self.by_member.remove(member) {
            self.by_name.remove(&key(&name));
        }
    }

    /// The name of a member.
    pub fn of(&self, member: &M) -> Option<&Text> {
        self.by_member.get(member)
    }

    /// Who has a name: the recipient of a private message to it.
    pub fn member(&self, nickname: &str) -> Option<&M> {
        self.by_name.get(&key(nickname))
    }
}

/// How a message within a room that names its recipients is answered, if not with 200 (RFC 7701 §6.2): 428 where the
/// room has no private messages, 404 where a recipient is no member.
///
/// # Errors
///
/// The status to answer with.
pub fn private_message(
    allowed: bool,
    recipients: impl IntoIterator<Item = bool>,
) -> Result<(), Status> {
    if !allowed {
        return Err(Status::NO_PRIVATE);
    }
    match recipients.into_iter().all(|is_member| is_member) {
        true => Ok(()),
        false => Err(Status::NOT_FOUND),
    }
}

fn key(name: &str) -> String {
    name.trim().to_lowercase()
}

/// Whether a character shows: no control, and none of those that only turn the direction of writing, by which one name
/// can be made to look like another.
fn is_printed(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// A name longer than this, in bytes, is none.
const LONGEST: usize = 256;
