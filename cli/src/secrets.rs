//! Keys that open encrypted values, and whether secrets are shown.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use etcd_inspect::Command;
use etcd_inspect::kubernetes::encryption::{ConfigError, Keyring};
use etcd_inspect::kubernetes::mask::Mask;

use crate::failure::Failure;
use crate::ui::Ui;

/// The variable in which `serve --mcp` gives the programs that answer one key for all fingerprints of a session.
const SESSION_KEY: &str = "ETCD_INSPECT_SESSION_KEY";

/// Where the keys of encryption at rest are.
#[derive(clap::Args, Clone, Debug, Default)]
pub(crate) struct KeyFiles {
    /// EncryptionConfiguration that opens encrypted values
    ///
    /// May be given several times; the last is tried first.
    #[arg(long, value_name = "FILE")]
    pub(crate) encryption_config: Vec<PathBuf>,
    /// Keys of a KMS: one key (raw or base64), or YAML with `keks` and `deks`
    ///
    /// `keks: [{provider, key | sha256_of}]` unwrap DEKs with AES-GCM, nonce first; `deks: [{provider, encrypted_sha256, key}]`
    /// are DEKs or seeds that the KMS has decrypted. Keys are base64; provider and encrypted_sha256 are optional.
    #[arg(long, alias = "kms-key", value_name = "FILE", hide_short_help = true)]
    pub(crate) kms_keys: Vec<PathBuf>,
}

/// Whether secrets are shown.
#[derive(clap::Args, Clone, Debug, Default)]
pub(crate) struct Showing {
    /// Show the secrets of exactly named objects; =all: everywhere
    #[arg(long, value_name = "all", num_args = 0..=1, require_equals = true, default_missing_value = "named")]
    pub(crate) reveal: Option<Reveal>,
    /// Key of the fingerprints, to compare hidden values between runs
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub(crate) fp_key: Option<PathBuf>,
}

/// `--reveal`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reveal {
    /// Exactly named objects.
    Named,
    /// Everything.
    All,
}

impl FromStr for Reveal {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "all" => Ok(Self::All),
            "named" | "" => Ok(Self::Named),
            _ => Err(format!("--reveal or --reveal=all, not {text:?}")),
        }
    }
}

impl KeyFiles {
    /// Reads every file.
    pub(crate) fn keyring(&self) -> Result<Keyring, Failure> {
        let mut keyring = Keyring::default();
        for path in &self.encryption_config {
            let text = String::from_utf8_lossy(&read(path)?).into_owned();
            keyring
                .add_config(&text)
                .map_err(|error| refused(path, &error))?;
        }
        for path in &self.kms_keys {
            keyring
                .add_kms_file(&read(path)?)
                .map_err(|error| refused(path, &error))?;
        }
        Ok(keyring)
    }
}

impl Showing {
    /// The mask to put over objects; `None` if secrets are to be shown. `named`: each was asked for by its exact name.
    pub(crate) fn mask(&self, named: bool, ui: &mut Ui) -> anyhow::Result<Option<Mask>> {
        match self.reveal {
            Some(Reveal::All) => {
                ui.note("secrets are shown in clear text (--reveal=all)")?;
                return Ok(None);
            }
            Some(Reveal::Named) if named => return Ok(None),
            Some(Reveal::Named) => {
                ui.warn("--reveal needs exact names (secret/NAME -n NAMESPACE); here secrets stay hidden, --reveal=all shows all")?;
            }
            None => {}
        }
        Ok(Some(Mask::new(&self.mask_key()?)))
    }

    /// The key of the fingerprints: of a file, or one for this run.
    pub(crate) fn mask_key(&self) -> anyhow::Result<Vec<u8>> {
        Ok(match &self.fp_key {
            Some(path) => read(path)?,
            None => match std::env::var(SESSION_KEY) {
                Ok(key) if !key.is_empty() => key.into_bytes(),
                _ => random()?,
            },
        })
    }

    /// Whether secrets are shown to the clients of a server, which ask for some objects by name.
    #[cfg(feature = "serve")]
    pub(crate) fn served(&self, ui: &mut Ui) -> std::io::Result<etcd_inspect_serve::Reveal> {
        Ok(match self.reveal {
            Some(Reveal::All) => {
                ui.note("secrets are shown in clear text (--reveal=all)")?;
                etcd_inspect_serve::Reveal::All
            }
            Some(Reveal::Named) => etcd_inspect_serve::Reveal::Named,
            None => etcd_inspect_serve::Reveal::Nothing,
        })
    }
}

/// A key for one run, from the operating system: also where there is no `/dev`.
pub(crate) fn random() -> io::Result<Vec<u8>> {
    let mut key = vec![0; 32];
    getrandom::fill(&mut key)?;
    Ok(key)
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut content = Vec::new();
    let read = etcd_inspect::evidence::open_beside(path);
    let read = read.and_then(|mut file| file.read_to_end(&mut content));
    read.map(|_| content).map_err(|error| {
        Failure::usage(format!("{}: {error}", path.display()))
            .next(Command::new("ls").arg("-l").path(path))
    })
}

/// The next step shows names of fields, and no values: terminals are recorded.
fn refused(path: &Path, error: &ConfigError) -> Failure {
    let next = match error {
        ConfigError::Alone(_) => Command::new("wc").arg("-lc"),
        _ => Command::new("sed").arg("-n").arg("s/:.*/:/p"),
    };
    Failure::usage(format!("{}: {error}", path.display())).next(next.path(path))
}
