//! SRV and NAPTR records, by hickory-resolver.
//!
//! Addresses are left to the system's own resolver: it knows the hosts file and whatever else its administrator has set
//! up. It cannot be asked for other records.

use crate::engine::trace::debug;
use crate::engine::{Naptr, Record, RecordKind, Srv};
use crate::wire::Text;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// The resolver, made when it is first needed: it reads the system's configuration, and wants to be in a runtime.
#[derive(Clone, Default)]
pub(super) struct RecordSource {
    /// Whom to ask instead of the servers that the system names.
    pub(super) server: Option<SocketAddr>,
    resolver: Arc<OnceLock<Option<TokioResolver>>>,
}

impl RecordSource {
    /// The records of a name; none if it has none in time.
    pub(super) fn look_up(
        &self,
        name: Text,
        kind: RecordKind,
        within: Duration,
    ) -> impl Future<Output = Vec<Record>> + Send + use<> {
        let own = self.clone();
        async move {
            let lookup = own.ask(&name, kind);
            tokio::time::timeout(within, lookup)
                .await
                .unwrap_or_default()
        }
    }

    async fn ask(&self, name: &str, kind: RecordKind) -> Vec<Record> {
        // In full: the domains that the system searches are meant for what users type.
        let Ok(mut name) = Name::from_utf8(name) else {
            return Vec::new();
        };
        name.set_fqdn(true);
        let Some(resolver) = self.resolver.get_or_init(|| make(self.server)) else {
            return Vec::new();
        };
        let kind = match kind {
            RecordKind::Srv => RecordType::SRV,
            RecordKind::Naptr => RecordType::NAPTR,
        };
        match resolver.lookup(name, kind).await {
            Ok(found) => {
                let answers = found.answers().iter();
                answers.filter_map(|answer| read(&answer.data)).collect()
            }
            Err(_error) => {
                debug!("no {kind} records: {_error}");
                Vec::new()
            }
        }
    }
}

fn make(server: Option<SocketAddr>) -> Option<TokioResolver> {
    let provider = TokioRuntimeProvider::default();
    let builder = match server {
        Some(server) => {
            let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()];
            let connections = connections.map(|mut connection| {
                connection.port = server.port();
                connection
            });
            let server = NameServerConfig::new(server.ip(), true, connections.to_vec());
            let config = ResolverConfig::from_name_servers(vec![server]);
            TokioResolver::builder_with_config(config, provider)
        }
        None => TokioResolver::builder(provider)
            .inspect_err(|_error| debug!("no configuration of name servers: {_error}"))
            .ok()?,
    };
    builder.build().ok()
}

fn read(data: &RData) -> Option<Record> {
    let text = |bytes: &[u8]| Text::from(String::from_utf8_lossy(bytes).into_owned());
    match data {
        RData::SRV(srv) => Some(Record::Srv(Srv {
            priority: srv.priority,
            weight: srv.weight,
            port: srv.port,
            target: Text::from(srv.target.to_utf8()),
        })),
        RData::NAPTR(naptr) => Some(Record::Naptr(Naptr {
            order: naptr.order,
            preference: naptr.preference,
            flags: text(&naptr.flags),
            service: text(&naptr.services),
            regexp: text(&naptr.regexp),
            replacement: Text::from(naptr.replacement.to_utf8()),
        })),
        _ => None,
    }
}
