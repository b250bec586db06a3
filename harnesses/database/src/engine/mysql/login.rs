//! Logging in: `mysql_native_password` and `caching_sha2_password`, the defaults of MariaDB and of MySQL 8.

use harness_kit::DatabaseHint;
use mysql_common::constants::CapabilityFlags;
use mysql_common::crypto;
use mysql_common::packets::{AuthMoreData, AuthPlugin, AuthSwitchRequest, HandshakePacket, HandshakeResponse};
use mysql_common::proto::MySerialize as _;
use mysql_common::scramble::{scramble_native, scramble_sha256};

use super::{EOF, ERR, OK, PACKET, Session, parse, refused};
use crate::sql::SqlError;

/// Packets of one login; a sound one has five at the most.
const STEPS: usize = 10;
/// Bytes of a server's public key. One of 4096 bits takes 800; a longer one would only make the client work.
const KEY: usize = 1024;
/// What follows in a `caching_sha2_password` login (MySQL's documentation of that plugin).
const FAST_DONE: &[u8] = &[3];
const FULL_WANTED: &[u8] = &[4];
const SEND_KEY: u8 = 2;

/// What this client can do: little, so that a server has little to choose from.
pub(super) fn capabilities() -> CapabilityFlags {
    CapabilityFlags::CLIENT_PROTOCOL_41
        | CapabilityFlags::CLIENT_LONG_PASSWORD
        | CapabilityFlags::CLIENT_TRANSACTIONS
        | CapabilityFlags::CLIENT_SECURE_CONNECTION
        | CapabilityFlags::CLIENT_PLUGIN_AUTH
}

/// The way in which a password is proved.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Method {
    Native,
    CachingSha2,
}

impl Method {
    fn of(plugin: &AuthPlugin<'_>) -> Option<Self> {
        match plugin {
            AuthPlugin::MysqlNativePassword => Some(Method::Native),
            AuthPlugin::CachingSha2Password => Some(Method::CachingSha2),
            _ => None,
        }
    }

    fn plugin(self) -> AuthPlugin<'static> {
        match self {
            Method::Native => AuthPlugin::MysqlNativePassword,
            Method::CachingSha2 => AuthPlugin::CachingSha2Password,
        }
    }

    fn prove(self, nonce: &[u8], password: &str) -> Vec<u8> {
        let proof = match self {
            _ if password.is_empty() => None,
            Method::Native => scramble_native(nonce, password.as_bytes()).map(|proof| proof.to_vec()),
            Method::CachingSha2 => scramble_sha256(nonce, password.as_bytes()).map(|proof| proof.to_vec()),
        };
        proof.unwrap_or_default()
    }
}

impl Session {
    pub(super) async fn log_in(&mut self, hint: &DatabaseHint, database: &str) -> Result<(), SqlError> {
        let greeting = self.read().await?;
        if greeting.first() == Some(&ERR) {
            return Err(refused(&greeting));
        }
        let greeting = parse::<HandshakePacket<'_>>(&greeting, ())?;
        // One that is not known here is offered to be switched from.
        let mut method = greeting.auth_plugin().and_then(|plugin| Method::of(&plugin)).unwrap_or(Method::Native);
        let mut nonce = greeting.nonce();
        let response = HandshakeResponse::new(
            Some(method.prove(&nonce, &hint.password)),
            (8, 0, 0),
            Some(hint.user.as_bytes().to_vec()),
            (!database.is_empty()).then(|| database.as_bytes().to_vec()),
            Some(method.plugin()),
            capabilities(),
            None,
            // Fits, being 16 MiB.
            u32::try_from(PACKET).unwrap_or(u32::MAX),
        );
        let mut payload = Vec::new();
        response.serialize(&mut payload);
        self.write(&payload).await?;
        for _ in 0..STEPS {
            let packet = self.read().await?;
            match packet.first() {
                Some(&OK) => return Ok(()),
                Some(&ERR) => return Err(refused(&packet)),
                Some(&EOF) => {
                    let wish = parse::<AuthSwitchRequest<'_>>(&packet, ())?;
                    method = Method::of(&wish.auth_plugin())
                        .ok_or_else(|| SqlError::broken("the server wants a way to log in that is not known"))?;
                    nonce = wish.plugin_data().to_vec();
                    self.write(&method.prove(&nonce, &hint.password)).await?;
                }
                Some(0x01) if method == Method::CachingSha2 => {
                    let more = parse::<AuthMoreData<'_>>(&packet, ())?;
                    match more.data() {
                        FAST_DONE => {}
                        FULL_WANTED => self.write(&[SEND_KEY]).await?,
                        key if key.len() <= KEY && !nonce.is_empty() => {
                            let secret: Vec<u8> = hint.password.bytes().chain([0]).collect();
                            let masked: Vec<u8> =
                                secret.iter().zip(nonce.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
                            let sealed = crypto::encrypt(&masked, key);
                            self.write(&sealed).await?;
                        }
                        _ => return Err(SqlError::broken("the server's public key is no sound one")),
                    }
                }
                _ => return Err(SqlError::broken("the server does not follow the protocol while logging in")),
            }
        }
        Err(SqlError::broken("logging in does not end"))
    }
}
