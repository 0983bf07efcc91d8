//! Certificates: ours, and whose we believe.

use super::described::AnyCertificate;
use crate::sdp::Fingerprint;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, IpAddr as PkiIpAddr, PrivateKeyDer, ServerName, UnixTime};
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::client::verify_server_cert_signed_by_trust_anchor;
use tokio_rustls::rustls::crypto::{
    CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, ServerConfig,
    SignatureScheme,
};
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// What TLS connections are made with: who we are, and whom we believe.
///
/// The default is nobody and nobody: it cannot listen, and every connection that it opens fails. Trust is
/// always given, never taken from the system, so that a program behaves alike wherever it runs; for the
/// system's roots read its bundle (often `/etc/ssl/certs/ca-certificates.crt`).
///
/// A peer that we connect to has to prove its name as RFC 5922 §7 says: a `sip:` URI or a DNS name of
/// its certificate is the name of the domain we wanted, in full, for wildcards are not matched. Where only
/// an address is known, the certificate has to name the address.
#[derive(Clone, Debug)]
pub struct Tls {
    identity: Option<Arc<Identity>>,
    roots: Arc<RootCertStore>,
    peers: Vec<CertificateDer<'static>>,
    server: Option<Arc<ServerConfig>>,
    /// For MSRP, whose peers may have described their certificates.
    asking: Option<Arc<ServerConfig>>,
    client: Option<Arc<ClientConfig>>,
    /// For peers whose certificate the node looks at itself.
    described: Option<Arc<ClientConfig>>,
}

#[derive(Debug)]
struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

/// Why certificates or a key cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read certificates or key: {0}")]
    Io(#[from] io::Error),
    /// It is not PEM, or not of what it should be.
    #[error("not PEM of certificates or a key: {0}")]
    Pem(#[from] rustls_pki_types::pem::Error),
    /// There is no certificate in it.
    #[error("no certificate in the PEM")]
    NoCertificate,
    /// The key does not fit the certificate, or an algorithm is not supported.
    #[error("certificate or key refused: {0}")]
    Refused(#[from] Error),
    /// Somebody wants to listen and has not said as whom.
    #[error("no certificate to listen with")]
    NoIdentity,
}

impl Default for Tls {
    fn default() -> Self {
        Self {
            identity: None,
            roots: Arc::new(RootCertStore::empty()),
            peers: Vec::new(),
            server: None,
            asking: None,
            client: None,
            described: None,
        }
    }
}

impl Tls {
    /// An identity from two PEM files: our certificate with its chain, and its private key.
    ///
    /// # Errors
    ///
    /// A file cannot be read, or as for [`identity`](Self::identity).
    pub fn from_pem(
        certificates: impl AsRef<Path>,
        key: impl AsRef<Path>,
    ) -> Result<Self, TlsError> {
        Self::default().identity(&std::fs::read(certificates)?, &std::fs::read(key)?)
    }

    /// Adds who we are, as PEM: our certificate first, its chain, and its private key. It is shown by
    /// listeners, and by connections that we open if the peer asks.
    ///
    /// # Errors
    ///
    /// It is not PEM, or key and certificate do not fit.
    pub fn identity(mut self, certificates: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let identity = Identity {
            chain: certificates_of(certificates)?,
            key: PrivateKeyDer::from_pem_slice(key)?,
        };
        let server = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(identity.chain.clone(), identity.key.clone_key())?;
        self.server = Some(Arc::new(server));
        let asking = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(Arc::new(AnyCertificate(provider())))
            .with_single_cert(identity.chain.clone(), identity.key.clone_key())?;
        self.asking = Some(Arc::new(asking));
        self.identity = Some(Arc::new(identity));
        self.rebuild()
    }

    /// Adds certificates, as PEM, of authorities whose word we take, or of single peers: whoever shows one of
    /// these very certificates needs nobody to vouch for it, which is how a self-signed one is trusted.
    ///
    /// # Errors
    ///
    /// It is not PEM, or a certificate cannot be used as a root.
    pub fn trust(mut self, roots: &[u8]) -> Result<Self, TlsError> {
        let store = Arc::make_mut(&mut self.roots);
        for certificate in certificates_of(roots)? {
            store.add(certificate.clone())?;
            self.peers.push(certificate);
        }
        self.rebuild()
    }

    /// Replaces what listeners use, for what the rest of this type does not offer.
    #[must_use]
    pub fn with_server(mut self, config: Arc<ServerConfig>) -> Self {
        self.asking = Some(Arc::clone(&config));
        self.server = Some(config);
        self
    }

    /// Replaces what connections that we open use. How names are checked is then up to it.
    #[must_use]
    pub fn with_client(mut self, config: Arc<ClientConfig>) -> Self {
        self.described = Some(Arc::clone(&config));
        self.client = Some(config);
        self
    }

    /// The fingerprint of our certificate, for [`msrp::Config::fingerprint`](crate::msrp::Config): a peer that has it
    /// from our description of a session believes us without anybody who vouches for us (RFC 8122).
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        let certificate = self.identity.as_ref()?.chain.first()?;
        Some(Fingerprint::of(certificate))
    }

    pub(super) fn acceptor(&self) -> Result<TlsAcceptor, TlsError> {
        let config = self.server.clone().ok_or(TlsError::NoIdentity)?;
        Ok(TlsAcceptor::from(config))
    }

    /// The same, and peers are asked for a certificate: none has to be shown, and any is passed on (RFC 8122 §6).
    pub(super) fn asking_acceptor(&self) -> Result<TlsAcceptor, TlsError> {
        let config = self.asking.clone().ok_or(TlsError::NoIdentity)?;
        Ok(TlsAcceptor::from(config))
    }

    pub(super) fn connector(&self, described: bool) -> io::Result<TlsConnector> {
        let config = match described {
            true => &self.described,
            false => &self.client,
        };
        match config {
            Some(config) => Ok(TlsConnector::from(Arc::clone(config))),
            None => Err(io::Error::other(
                "no roots to check a peer's certificate with",
            )),
        }
    }

    fn rebuild(mut self) -> Result<Self, TlsError> {
        let provider = provider();
        let verifier = Arc::new(DomainVerifier {
            roots: Arc::clone(&self.roots),
            peers: self.peers.clone(),
            provider: Arc::clone(&provider),
        });
        let any = Arc::new(AnyCertificate(Arc::clone(&provider)));
        self.client = Some(self.client_with(Arc::clone(&provider), verifier)?);
        self.described = Some(self.client_with(provider, any)?);
        Ok(self)
    }

    fn client_with(
        &self,
        provider: Arc<CryptoProvider>,
        verifier: Arc<dyn ServerCertVerifier>,
    ) -> Result<Arc<ClientConfig>, TlsError> {
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        Ok(Arc::new(match &self.identity {
            Some(identity) => {
                builder.with_client_auth_cert(identity.chain.clone(), identity.key.clone_key())?
            }
            None => builder.with_no_client_auth(),
        }))
    }
}

/// The name that a peer has to prove: the one given, else its address.
pub(super) fn server_name(name: Option<&str>, address: IpAddr) -> io::Result<ServerName<'static>> {
    let Some(name) = name else {
        return Ok(ServerName::IpAddress(PkiIpAddr::from(address)));
    };
    ServerName::try_from(
        name.trim_matches(['[', ']'])
            .trim_end_matches('.')
            .to_owned(),
    )
    .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))
}

fn certificates_of(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>()?;
    if certificates.is_empty() {
        return Err(TlsError::NoCertificate);
    }
    Ok(certificates)
}

/// Named, since a program with several providers compiled in has no default one.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// Checks certificates as the Web does, except for the name, which is checked as RFC 5922 §7 says.
#[derive(Debug)]
struct DomainVerifier {
    roots: Arc<RootCertStore>,
    /// Certificates that are trusted themselves.
    peers: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for DomainVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if !self.peers.iter().any(|peer| peer == end_entity) {
            verify_server_cert_signed_by_trust_anchor(
                &ParsedCertificate::try_from(end_entity)?,
                &self.roots,
                intermediates,
                now,
                self.provider.signature_verification_algorithms.all,
            )?;
        }
        let certificate = webpki::EndEntityCert::try_from(end_entity)
            .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
        if proves(&certificate, server_name) {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(Error::InvalidCertificate(CertificateError::NotValidForName))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// Whether a certificate is one of `name`.
fn proves(certificate: &webpki::EndEntityCert<'_>, name: &ServerName<'_>) -> bool {
    let ServerName::DnsName(domain) = name else {
        return certificate.verify_is_valid_for_subject_name(name).is_ok();
    };
    let domain = domain.as_ref();
    // RFC 5922 §7.1: where there are SIP URIs, they are the identities, and the DNS names are not.
    let mut uris = certificate
        .valid_uri_names()
        .filter_map(sip_domain)
        .peekable();
    if uris.peek().is_some() {
        return uris.any(|named| named.eq_ignore_ascii_case(domain));
    }
    // A literal comparison, by which a wildcard matches nothing (RFC 5922 §7.2).
    certificate
        .valid_dns_names()
        .any(|named| named.eq_ignore_ascii_case(domain))
}

/// The domain of a SIP URI that is nothing but one: no user part.
fn sip_domain(uri: &str) -> Option<&str> {
    let (scheme, rest) = uri.split_once(':')?;
    let host = rest.split([';', '?']).next()?;
    (scheme.eq_ignore_ascii_case("sip") && !host.contains('@')).then_some(host)
}
