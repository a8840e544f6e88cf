//! `wss://` with certificates of one's own.

use std::{fs, path::Path};

use carrick::{ClientCertificates, ServerTls};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};

use crate::support::{Listen, run, serve};

struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    /// An authority, and what it signed: `server` for localhost and `client`.
    fn new() -> Files {
        let files = Files { folder: tempfile::tempdir().unwrap() };
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        files.write("ca.pem", &authority.pem());
        for (name, purpose) in
            [("server", ExtendedKeyUsagePurpose::ServerAuth), ("client", ExtendedKeyUsagePurpose::ClientAuth)]
        {
            let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
            let mut params = CertificateParams::new(names).unwrap();
            params.extended_key_usages = vec![purpose];
            let key = KeyPair::generate().unwrap();
            let certificate = params.signed_by(&key, &authority).unwrap();
            files.write(&format!("{name}.pem"), &certificate.pem());
            files.write(&format!("{name}.key"), &key.serialize_pem());
        }
        files
    }

    fn write(&self, name: &str, pem: &str) {
        fs::write(self.path(name), pem).unwrap();
    }

    fn path(&self, name: &str) -> String {
        let path: &Path = self.folder.path();
        path.join(name).to_str().unwrap().to_owned()
    }
}

#[test]
fn an_authority_of_ones_own_is_trusted_when_it_is_named() {
    let files = Files::new();
    let listen =
        Listen::start(&["--echo", "--cert", &files.path("server.pem"), "--key", &files.path("server.key")]);
    assert!(listen.url.starts_with("wss://"));
    let trusted = run(&["connect", "--one", "--ca", &files.path("ca.pem"), &listen.url], "hi\n");
    assert_eq!((trusted.code, trusted.out.as_str()), (Some(0), "hi\n"), "{}", trusted.err);
    let unknown = run(&["connect", "--one", &listen.url], "hi\n");
    assert_eq!(unknown.code, Some(1));
    assert!(unknown.err.contains("--ca FILE"), "{}", unknown.err);
    let any = run(&["connect", "--one", "--danger-accept-invalid-certs", &listen.url], "hi\n");
    assert_eq!((any.code, any.out.as_str()), (Some(0), "hi\n"));
}

#[test]
fn a_certificate_of_the_client_is_shown() {
    let files = Files::new();
    let read = |name: &str| fs::read(files.path(name)).unwrap();
    let (chain, key, ca) = (read("server.pem"), read("server.key"), read("ca.pem"));
    let url = serve(move |server| {
        let tls = ServerTls::from_pem(&chain, &key).unwrap();
        let tls = tls.with_client_authorities(&ca, ClientCertificates::Required).unwrap();
        server.tls(tls).route("/*", |mut websocket, _| async move {
            websocket.send("welcome").await.unwrap();
            while websocket.recv().await.is_some() {}
        })
    });
    let url = url.replace("ws:", "wss:");
    let ca = files.path("ca.pem");
    let (cert, key) = (files.path("client.pem"), files.path("client.key"));
    let known = run(&["connect", "--one", "--ca", &ca, "--cert", &cert, "--key", &key, &url], "");
    assert_eq!((known.code, known.out.as_str()), (Some(0), "welcome\n"), "{}", known.err);
    assert_eq!(run(&["connect", "--one", "--ca", &ca, &url], "").code, Some(1));
}
