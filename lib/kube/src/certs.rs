//! Certificates and certificate requests inside of objects: in Secrets, CSRs, CA bundles, embedded kubeconfigs.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::Value;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::extensions::{GeneralName, ParsedExtension, SubjectAlternativeName};
use x509_parser::parse_x509_certificate;
use x509_parser::prelude::FromDer;
use x509_parser::time::ASN1Time;

/// `-----BEGIN` in base64: how PEM looks inside a Secret or a kubeconfig.
const BASE64_PEM: &str = "LS0tLS1CRUdJTi";
/// Text in base64 in text: a kubeconfig in a Secret has two layers.
const LAYERS: usize = 3;
/// Most certificates taken from one object; a distribution's CA bundle has about 150.
const MOST: usize = 2000;

/// A certificate, or a request for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The field in the object: `data["tls.crt"]`, `spec.request`.
    pub field: String,
    /// Its place among the certificates of that field, from 0: a chain begins with the leaf.
    pub index: usize,
    /// A signing request has no issuer and no dates.
    pub request: bool,
    /// `CN=web, O=shop`.
    pub subject: String,
    /// The issuer's subject; empty for requests.
    pub issuer: String,
    /// Hex, colons between the bytes; empty for requests.
    pub serial: String,
    /// First second of validity.
    pub not_before: Option<Timestamp>,
    /// Last second of validity.
    pub not_after: Option<Timestamp>,
    /// DNS names, addresses and URIs.
    pub names: Vec<String>,
    /// Whether it may sign others.
    pub is_ca: bool,
    /// What is wrong with a PEM block that claims to be one.
    pub damage: Option<&'static str>,
}

/// Every certificate in an object, in the order of its fields.
///
/// Any text is searched for PEM, and any base64 that begins like PEM is looked into: so Secrets, CSRs, `caBundle`s and
/// kubeconfigs inside of Secrets need no special case. Private keys are never looked at.
pub fn certificates(object: &Value) -> Vec<Certificate> {
    let mut found = Vec::new();
    walk("", object, &mut found);
    found
}

fn walk(path: &str, value: &Value, found: &mut Vec<Certificate>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let dotted = if name.contains('.') {
                    format!("{path}[{name:?}]")
                } else {
                    format!("{path}.{name}")
                };
                walk(dotted.trim_start_matches('.'), value, found);
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                walk(&format!("{path}[{at}]"), item, found);
            }
        }
        // The copy that `kubectl apply` keeps would list everything twice.
        Value::String(_) if path.contains("last-applied-configuration") => {}
        Value::String(text) => {
            let first = found.len();
            scan(text, 0, found);
            for (index, certificate) in found.iter_mut().skip(first).enumerate() {
                (certificate.field, certificate.index) = (path.to_owned(), index);
            }
        }
        _ => {}
    }
}

fn scan(text: &str, layer: usize, found: &mut Vec<Certificate>) {
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("-----BEGIN ") {
        let Some((label, body)) = after.split_once("-----") else {
            break;
        };
        let request = match label {
            "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE" => false,
            "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => true,
            _ => {
                rest = body;
                continue;
            }
        };
        let (body, after) = body.split_once("-----END ").unwrap_or((body, ""));
        if found.len() < MOST {
            let body: Vec<u8> = body
                .bytes()
                .filter(|byte| !byte.is_ascii_whitespace())
                .collect();
            found.push(match STANDARD.decode(body) {
                Ok(der) => read(&der, request),
                Err(_) => damaged(request, "the PEM block is not base64"),
            });
        }
        rest = after;
    }
    if layer < LAYERS {
        for (at, _) in text.match_indices(BASE64_PEM) {
            let tail = text.get(at..).unwrap_or_default();
            let end = tail
                .find(|c: char| !c.is_ascii_alphanumeric() && !"+/=".contains(c))
                .unwrap_or(tail.len());
            decode(tail.get(..end).unwrap_or_default(), layer, found);
        }
        // A whole value in base64 that is text with certificates inside: a kubeconfig in a Secret.
        if text.len() > 64 && !text.contains(BASE64_PEM) && !text.contains("-----BEGIN") {
            decode(text, layer, found);
        }
    }
}

fn decode(text: &str, layer: usize, found: &mut Vec<Certificate>) {
    let decoded = STANDARD
        .decode(text)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    if let Some(inner) =
        decoded.filter(|inner| inner.contains("-----BEGIN") || inner.contains(BASE64_PEM))
    {
        scan(&inner, layer + 1, found);
    }
}

fn damaged(request: bool, why: &'static str) -> Certificate {
    Certificate {
        field: String::new(),
        index: 0,
        request,
        subject: String::new(),
        issuer: String::new(),
        serial: String::new(),
        not_before: None,
        not_after: None,
        names: Vec::new(),
        is_ca: false,
        damage: Some(why),
    }
}

fn read(der: &[u8], request: bool) -> Certificate {
    let time = |time: ASN1Time| Timestamp::from_second(time.timestamp()).ok();
    let blank = Certificate {
        damage: None,
        ..damaged(request, "")
    };
    if request {
        return match X509CertificationRequest::from_der(der) {
            Ok((_, csr)) => {
                let names =
                    csr.requested_extensions()
                        .into_iter()
                        .flatten()
                        .flat_map(|extension| match extension {
                            ParsedExtension::SubjectAlternativeName(names) => alternative(names),
                            _ => Vec::new(),
                        });
                Certificate {
                    subject: csr.certification_request_info.subject.to_string(),
                    names: names.collect(),
                    ..blank
                }
            }
            Err(_) => damaged(request, "the DER inside cannot be read"),
        };
    }
    match parse_x509_certificate(der) {
        Ok((_, certificate)) => {
            let validity = certificate.validity();
            let names = certificate.subject_alternative_name().ok().flatten();
            Certificate {
                subject: certificate.subject().to_string(),
                issuer: certificate.issuer().to_string(),
                serial: certificate.raw_serial_as_string(),
                not_before: time(validity.not_before),
                not_after: time(validity.not_after),
                names: names
                    .map(|names| alternative(names.value))
                    .unwrap_or_default(),
                is_ca: certificate.is_ca(),
                ..blank
            }
        }
        Err(_) => damaged(request, "the DER inside cannot be read"),
    }
}

fn alternative(names: &SubjectAlternativeName<'_>) -> Vec<String> {
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(text) | GeneralName::RFC822Name(text) | GeneralName::URI(text) => {
            Some((*text).to_owned())
        }
        GeneralName::IPAddress(bytes) => address(bytes),
        _ => None,
    };
    names.general_names.iter().filter_map(name).collect()
}

fn address(bytes: &[u8]) -> Option<String> {
    let v4 = <[u8; 4]>::try_from(bytes).map(|bytes| std::net::IpAddr::from(bytes).to_string());
    let v6 = || <[u8; 16]>::try_from(bytes).map(|bytes| std::net::IpAddr::from(bytes).to_string());
    v4.or_else(|_| v6()).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    // openssl req -x509 -subj /CN=web/O=shop -days 30 -addext subjectAltName=DNS:web.example.com,IP:10.0.0.1
    const CERT: &str = "-----BEGIN CERTIFICATE-----\n\
    MIIBsTCCAVegAwIBAgIUOP3HSXv1iiAAVX0CxSnRrUVX2VIwCgYIKoZIzj0EAwIw\n\
    HTEMMAoGA1UEAwwDd2ViMQ0wCwYDVQQKDARzaG9wMB4XDTI2MTEyMTAzMjQ1MFoX\n\
    DTI2MTIyMTAzMjQ1MFowHTEMMAoGA1UEAwwDd2ViMQ0wCwYDVQQKDARzaG9wMFkw\n\
    EwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE6henS9Y8Vi9Jvvwr1ZWH5i1D+o/JUs/s\n\
    MtMjDKktJe//ltrl1yea+4oOwQVKh7T1py0xAKixWrRbPAIFh0Z0i6N1MHMwHQYD\n\
    VR0OBBYEFBN8FteS11UF0Cf3NNiD5X068Vx2MB8GA1UdIwQYMBaAFBN8FteS11UF\n\
    0Cf3NNiD5X068Vx2MA8GA1UdEwEB/wQFMAMBAf8wIAYDVR0RBBkwF4IPd2ViLmV4\n\
    YW1wbGUuY29thwQKAAABMAoGCCqGSM49BAMCA0gAMEUCIE9/SA/qjH+VoyfMAHvW\n\
    NfW+PHMa+U01tObw1itKbbGNAiEArJ3D+tF1izRrZcEFNHs3PJnDaHmKBA5L3Wic\n\
    W+vmuUs=\n\
    -----END CERTIFICATE-----\n";
    // openssl req -new -subj /CN=jane -addext subjectAltName=DNS:jane.example.com
    const REQUEST: &str = "-----BEGIN CERTIFICATE REQUEST-----\n\
    MIH5MIGfAgEAMA8xDTALBgNVBAMMBGphbmUwWTATBgcqhkjOPQIBBggqhkjOPQMB\n\
    BwNCAARXM5DaIPjMaGh+MwD1147bVfHPHMdmtql/YRR9ABWPzaMHjr4d1A+gVu9V\n\
    nsjp2E6b14Fy/itWlnZOpx/u7jPaoC4wLAYJKoZIhvcNAQkOMR8wHTAbBgNVHREE\n\
    FDASghBqYW5lLmV4YW1wbGUuY29tMAoGCCqGSM49BAMCA0kAMEYCIQDjNXAkQMlL\n\
    SYtAtAWL22ZFat9RzR0ydz1rI1dIbwrJ5gIhAK3kDCfLG7K5PgkloavdoTY76nu0\n\
    BTESxMTTrb8CaSnh\n\
    -----END CERTIFICATE REQUEST-----\n";

    #[test]
    fn a_secret_gives_subject_issuer_names_and_dates() {
        let secret = json!({"kind": "Secret", "data": {"tls.crt": STANDARD.encode(CERT), "tls.key": STANDARD.encode("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")}});
        let found = certificates(&secret);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].field, "data[\"tls.crt\"]");
        assert_eq!(found[0].subject, "CN=web, O=shop");
        assert_eq!(found[0].names, ["web.example.com", "10.0.0.1"]);
        let days = found[0]
            .not_after
            .unwrap()
            .duration_since(found[0].not_before.unwrap())
            .as_hours()
            / 24;
        assert_eq!(days, 30);
    }

    #[test]
    fn a_request_a_chain_and_an_embedded_kubeconfig_are_found() {
        let csr = json!({"kind": "CertificateSigningRequest", "spec": {"request": STANDARD.encode(REQUEST)}});
        let found = certificates(&csr);
        assert_eq!(
            (
                found[0].request,
                found[0].subject.as_str(),
                found[0].names.as_slice()
            ),
            (true, "CN=jane", &["jane.example.com".to_owned()][..])
        );
        let chain = json!({"data": {"ca": format!("{CERT}{CERT}")}});
        assert_eq!(
            certificates(&chain)
                .iter()
                .map(|certificate| certificate.index)
                .collect::<Vec<_>>(),
            [0, 1]
        );
        let kubeconfig = format!(
            "users:\n- user:\n    client-certificate-data: {}\n",
            STANDARD.encode(CERT)
        );
        let secret = json!({"data": {"kubeconfig": STANDARD.encode(kubeconfig)}});
        assert_eq!(certificates(&secret).len(), 1);
    }

    #[test]
    fn damaged_blocks_are_said_and_never_a_panic() {
        let cut = CERT.replace("MII", "MIJ");
        assert!(certificates(&json!({"a": cut}))[0].damage.is_some());
        assert_eq!(
            certificates(&json!({"a": "-----BEGIN CERTIFICATE-----\n%%"}))[0].damage,
            Some("the PEM block is not base64")
        );
        assert!(certificates(&json!({"a": "-----BEGIN "})).is_empty());
    }
}
