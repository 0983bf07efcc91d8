//! Messages in SQLite.
//!
//! Write-ahead log with `synchronous=FULL`: when [`Engine::keep`] returns, the message is on the disk and
//! survives the death of the process and of the machine. Forgetting is written at once but not waited for:
//! if the machine dies just then, a message may be delivered again, and its recipient knows it by its id.

use super::Engine;
use crate::engine::{DateTime, Transport};
use crate::participating::{Enrolment, Kept, Restored, StoreError};
use crate::wire::Text;
use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, params};
use std::path::Path;

/// Messages in an SQLite database.
#[derive(Debug)]
pub struct Sqlite {
    db: Connection,
}

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// SQLite says so.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// It was written by a later version of this crate.
    #[error("the database has format {found}, and this program knows {known}")]
    Format {
        /// The format of the database.
        found: i64,
        /// The format that is known here.
        known: i64,
    },
}

impl Sqlite {
    /// Opens a database, and makes it if it is not there.
    ///
    /// # Errors
    ///
    /// It cannot be opened, another server has it open, or it is not one of ours.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::prepare(Connection::open(path)?)
    }

    /// A database that lives as long as this value.
    ///
    /// # Errors
    ///
    /// SQLite cannot make it.
    pub fn in_memory() -> Result<Self, OpenError> {
        Self::prepare(Connection::open_in_memory()?)
    }

    fn prepare(db: Connection) -> Result<Self, OpenError> {
        db.busy_timeout(std::time::Duration::from_secs(1))?;
        // Two servers on one database would deliver everything twice.
        db.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        db.pragma_update(None, "journal_mode", "WAL")?;
        db.pragma_update(None, "synchronous", "FULL")?;
        let found = db.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0))?;
        match found {
            0 => {
                db.execute_batch(SCHEMA)?;
                db.pragma_update(None, "user_version", FORMAT)?;
            }
            FORMAT => {}
            found => {
                return Err(OpenError::Format {
                    found,
                    known: FORMAT,
                });
            }
        }
        Ok(Self { db })
    }

    fn try_keep(&self, kept: &Kept) -> rusqlite::Result<()> {
        let transaction = self.db.unchecked_transaction()?;
        let sequence = number(kept.sequence);
        let mut statement = self
            .db
            .prepare_cached("INSERT INTO kept VALUES (?1, ?2, ?3, ?4)")?;
        statement.execute(params![
            kept.user.as_str(),
            sequence,
            kept.expires.timestamp_millis(),
            kept.message.as_ref()
        ])?;
        let mut statement = self
            .db
            .prepare_cached("UPDATE numbers SET greatest = max(greatest, ?1)")?;
        statement.execute([sequence])?;
        transaction.commit()
    }

    fn try_load(&self, user: &str, sequence: u64) -> rusqlite::Result<Option<Bytes>> {
        let mut statement = self
            .db
            .prepare_cached("SELECT message FROM kept WHERE user = ?1 AND sequence = ?2")?;
        let message = statement.query_row(params![user, number(sequence)], |row| {
            row.get::<_, Vec<u8>>(0)
        });
        Ok(message.optional()?.map(Bytes::from))
    }

    fn try_forget(&self, user: &str, sequence: u64) -> rusqlite::Result<()> {
        self.db.pragma_update(None, "synchronous", "NORMAL")?;
        let mut statement = self
            .db
            .prepare_cached("DELETE FROM kept WHERE user = ?1 AND sequence = ?2")?;
        let forgotten = statement.execute(params![user, number(sequence)]);
        self.db.pragma_update(None, "synchronous", "FULL")?;
        forgotten.map(drop)
    }

    fn try_enrol(&self, user: &str, devices: &[Enrolment]) -> rusqlite::Result<()> {
        self.db.pragma_update(None, "synchronous", "NORMAL")?;
        let transaction = self.db.unchecked_transaction()?;
        let mut forget = self
            .db
            .prepare_cached("DELETE FROM devices WHERE user = ?1")?;
        forget.execute([user])?;
        let insert = "INSERT INTO devices VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let mut insert = self.db.prepare_cached(insert)?;
        for device in devices {
            insert.execute(params![
                user,
                device.register.as_ref(),
                device.transport.name(),
                device.local.to_string(),
                device.peer.to_string(),
                device.expires.timestamp_millis()
            ])?;
        }
        let enrolled = transaction.commit();
        self.db.pragma_update(None, "synchronous", "FULL")?;
        enrolled
    }

    fn try_devices(&self) -> rusqlite::Result<Vec<Enrolment>> {
        let select = "SELECT user, register, transport, local, peer, expires FROM devices";
        let mut statement = self.db.prepare(select)?;
        let rows = statement.query_map([], |row| {
            let (user, register): (String, Vec<u8>) = (row.get(0)?, row.get(1)?);
            let (transport, local): (String, String) = (row.get(2)?, row.get(3)?);
            let (peer, expires): (String, i64) = (row.get(4)?, row.get(5)?);
            Ok((user, register, transport, local, peer, expires))
        })?;
        let mut devices = Vec::new();
        for row in rows {
            let (user, register, transport, local, peer, expires) = row?;
            let transports = [Transport::Udp, Transport::Tcp, Transport::Tls];
            let transport = transports.into_iter().find(|one| one.name() == transport);
            // A row that somebody else has written is nobody's device.
            let (Some(transport), Ok(local), Ok(peer)) = (transport, local.parse(), peer.parse())
            else {
                continue;
            };
            let expires = chrono::DateTime::from_timestamp_millis(expires).unwrap_or_default();
            devices.push(Enrolment {
                user: Text::from(user),
                register: Bytes::from(register),
                transport,
                local,
                peer,
                expires: DateTime::from(expires),
            });
        }
        Ok(devices)
    }

    fn try_restore(&self) -> rusqlite::Result<Restored> {
        let mut statement = self
            .db
            .prepare("SELECT user, sequence, expires FROM kept ORDER BY sequence")?;
        let rows = statement.query_map([], |row| {
            let (user, sequence, expires): (String, i64, i64) =
                (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok((user, sequence, expires))
        })?;
        let mut restored = Restored::default();
        for row in rows {
            let (user, sequence, expires) = row?;
            let expires = chrono::DateTime::from_timestamp_millis(expires).unwrap_or_default();
            restored.kept.push((
                Text::from(user),
                sequence.unsigned_abs(),
                DateTime::from(expires),
            ));
        }
        let greatest = self
            .db
            .query_row("SELECT greatest FROM numbers", [], |row| {
                row.get::<_, i64>(0)
            })?;
        restored.sequence = greatest.unsigned_abs();
        restored.enrolments = self.try_devices()?;
        Ok(restored)
    }
}

impl Engine for Sqlite {
    fn keep(&mut self, kept: &Kept) -> Result<(), StoreError> {
        self.try_keep(kept).map_err(refused)
    }

    fn load(&mut self, user: &str, sequence: u64) -> Result<Option<Bytes>, StoreError> {
        self.try_load(user, sequence)
            .map_err(|_| StoreError::Unavailable)
    }

    fn forget(&mut self, user: &str, sequence: u64) {
        // What cannot be forgotten now is delivered again after a restart, which its recipient notices.
        let _ = self.try_forget(user, sequence);
    }

    fn archive(&mut self, user: &str, message: &Bytes) -> Result<(), StoreError> {
        let archive = "INSERT INTO archive (user, message) VALUES (?1, ?2)";
        let archived = self.db.execute(archive, params![user, message.as_ref()]);
        archived.map(drop).map_err(refused)
    }

    fn enrol(&mut self, user: &str, devices: &[Enrolment]) {
        // What is not remembered costs a device its messages until it registers again, and no more.
        let _ = self.try_enrol(user, devices);
    }

    fn restore(&mut self) -> Result<Restored, StoreError> {
        self.try_restore().map_err(|_| StoreError::Unavailable)
    }
}

fn refused(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DiskFull) => StoreError::Full,
        _ => StoreError::Unavailable,
    }
}

/// A number as SQLite has it; those of a function never come near the end of either.
fn number(sequence: u64) -> i64 {
    i64::try_from(sequence).unwrap_or(i64::MAX)
}

const FORMAT: i64 = 1;

const SCHEMA: &str = "
BEGIN;
CREATE TABLE kept (
    user     TEXT    NOT NULL,
    sequence INTEGER NOT NULL,
    expires  INTEGER NOT NULL, -- milliseconds since 1970
    message  BLOB    NOT NULL, -- a SIP MESSAGE
    PRIMARY KEY (user, sequence)
) WITHOUT ROWID;
CREATE TABLE numbers (greatest INTEGER NOT NULL); -- the greatest that was ever given
INSERT INTO numbers VALUES (0);
CREATE TABLE devices (
    user      TEXT    NOT NULL,
    register  BLOB    NOT NULL, -- a SIP REGISTER
    transport TEXT    NOT NULL,
    local     TEXT    NOT NULL,
    peer      TEXT    NOT NULL,
    expires   INTEGER NOT NULL  -- milliseconds since 1970
);
CREATE INDEX devices_by_user ON devices (user);
CREATE TABLE archive (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    user    TEXT NOT NULL,
    message BLOB NOT NULL
);
COMMIT;
";

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(user: &str, sequence: u64) -> Kept {
        Kept {
            user: Text::from(user),
            sequence,
            expires: DateTime::parse_from_rfc3339("2026-01-01T10:00:00Z").unwrap(),
            message: Bytes::from(format!("message {sequence}")),
        }
    }

    #[test]
    fn two_servers_do_not_share_a_database() {
        let path = std::env::temp_dir().join(format!("cpm-sqlite-two-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let first = Sqlite::open(&path).unwrap();
        assert!(matches!(Sqlite::open(&path), Err(OpenError::Sqlite(_))));
        drop(first);
        Sqlite::open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn r108_what_was_kept_is_there_after_a_restart() {
        let path = std::env::temp_dir().join(format!("cpm-sqlite-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        {
            let mut engine = Sqlite::open(&path).unwrap();
            for sequence in 1..=3 {
                engine.keep(&kept("sip:bob@example.com", sequence)).unwrap();
            }
            engine.forget("sip:bob@example.com", 2);
            engine.forget("sip:bob@example.com", 3);
        }
        let mut engine = Sqlite::open(&path).unwrap();
        let restored = engine.restore().unwrap();
        let numbers = restored
            .kept
            .iter()
            .map(|(_, sequence, _)| *sequence)
            .collect::<Vec<_>>();
        assert_eq!((numbers.as_slice(), restored.sequence), ([1].as_slice(), 3));
        let load = |engine: &mut Sqlite, number| engine.load("sip:bob@example.com", number);
        assert_eq!(
            load(&mut engine, 1),
            Ok(Some(Bytes::from_static(b"message 1")))
        );
        assert_eq!(load(&mut engine, 2), Ok(None));
        // What cannot be read is not what is not there: it must not be forgotten.
        engine.db.execute_batch("DROP TABLE kept").unwrap();
        assert_eq!(load(&mut engine, 1), Err(StoreError::Unavailable));
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn r108_where_the_devices_are_is_known_after_a_restart() {
        let mut engine = Sqlite::in_memory().unwrap();
        let device = |port| Enrolment {
            user: "sip:bob@example.com".into(),
            register: Bytes::from_static(b"REGISTER ..."),
            transport: Transport::Udp,
            local: "192.0.2.1:5060".parse().unwrap(),
            peer: std::net::SocketAddr::from(([198, 51, 100, 7], port)),
            expires: DateTime::parse_from_rfc3339("2026-01-01T10:00:00+00:00").unwrap(),
        };
        engine.enrol("sip:bob@example.com", &[device(1), device(2)]);
        engine.enrol("sip:bob@example.com", &[device(2), device(3)]);
        let restored = engine.restore().unwrap();
        assert_eq!(restored.enrolments, [device(2), device(3)]);
        engine.enrol("sip:bob@example.com", &[]);
        assert_eq!(engine.restore().unwrap().enrolments, []);
    }

    #[test]
    fn a_number_is_given_once() {
        let mut engine = Sqlite::in_memory().unwrap();
        engine.keep(&kept("sip:bob@example.com", 1)).unwrap();
        assert_eq!(
            engine.keep(&kept("sip:bob@example.com", 1)),
            Err(StoreError::Unavailable)
        );
    }
}
