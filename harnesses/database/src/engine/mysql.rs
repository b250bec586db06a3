//! MySQL and MariaDB, by the text protocol.
//!
//! The usual clients trust their server: they make room for as many columns as it announces, and hand it local files
//! when it asks for one. Here `mysql_common` parses the packets, and what is read, how much and in which order is
//! decided below. No TLS and no plugin that sends the password in clear.

mod login;
pub(super) mod schema;

use bytes::BytesMut;
use harness_kit::DatabaseHint;
use mysql_common::constants::ColumnType;
use mysql_common::io::ParseBuf;
use mysql_common::misc::raw::RawInt;
use mysql_common::misc::raw::int::LenEnc;
use mysql_common::packets::{Column, ErrPacket};
use mysql_common::proto::codec::PacketCodec;
use mysql_common::proto::{MyDeserialize, Text};
use mysql_common::row::RowDeserializer;
use mysql_common::value::{ServerSide, Value};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::metered::{Meter, Metered};
use crate::sql::{COLUMNS, ROWS, Rows, SqlError, text_of};

/// Bytes of one packet, which holds a row at the most.
const PACKET: usize = 16 << 20;
/// The command that runs a statement.
const COM_QUERY: u8 = 0x03;
/// First bytes of packets (MySQL's documentation of the protocol, "Generic Response Packets" and "COM_QUERY Response").
const OK: u8 = 0x00;
const ERR: u8 = 0xff;
const EOF: u8 = 0xfe;
const LOCAL_INFILE: u8 = 0xfb;
/// The character set of bytes that are no text.
const BINARY: u16 = 63;

/// An open connection.
pub(crate) struct Session {
    stream: Metered,
    meter: Meter,
    codec: PacketCodec,
    incoming: BytesMut,
}

impl Session {
    pub(super) async fn open(hint: &DatabaseHint, database: &str) -> Result<Self, SqlError> {
        let (stream, meter) = Metered::connect(&hint.host, hint.port).await?;
        let mut codec = PacketCodec::default();
        codec.max_allowed_packet = PACKET;
        let mut session = Session { stream, meter, codec, incoming: BytesMut::new() };
        session.log_in(hint, database).await.map_err(|error| match error {
            SqlError::Refused { message, .. } => SqlError::Connect(message),
            SqlError::Broken(why) => SqlError::Connect(why),
            other => other,
        })?;
        session.query("SET NAMES utf8mb4").await?;
        // Each of the two servers knows one of these; the harness waits no longer than it does anyway.
        for setting in ["max_execution_time = 8000", "max_statement_time = 8", "innodb_lock_wait_timeout = 3"] {
            match session.query(&format!("SET SESSION {setting}")).await {
                Ok(_) | Err(SqlError::Refused { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(session)
    }

    /// Runs one statement.
    pub(super) async fn query(&mut self, sql: &str) -> Result<Rows, SqlError> {
        self.meter.reset();
        self.codec.reset_seq_id();
        let mut command = Vec::with_capacity(sql.len() + 1);
        command.push(COM_QUERY);
        command.extend_from_slice(sql.as_bytes());
        self.write(&command).await?;
        let head = self.read().await?;
        match head.first() {
            Some(&OK) => return Ok(Rows::default()),
            Some(&ERR) => return Err(refused(&head)),
            Some(&LOCAL_INFILE) => return Err(SqlError::broken("the server asked for a local file")),
            _ => {}
        }
        let columns = parse::<RawInt<LenEnc>>(&head, ())?.0;
        let columns = usize::try_from(columns).ok().filter(|count| (1..=COLUMNS).contains(count));
        let columns = columns.ok_or_else(|| SqlError::broken("a result with no sound number of columns"))?;
        let mut described = Vec::new();
        for _ in 0..columns {
            described.push(parse::<Column>(&self.read().await?, ())?);
        }
        let end = self.read().await?;
        if end.first() != Some(&EOF) {
            return Err(SqlError::broken("columns without an end"));
        }
        let described: std::sync::Arc<[Column]> = described.into();
        let mut result =
            Rows { columns: described.iter().map(|column| column.name_str().into_owned()).collect(), rows: Vec::new() };
        loop {
            let packet = self.read().await?;
            match packet.first() {
                Some(&ERR) => return Err(refused(&packet)),
                Some(&EOF) if packet.len() < 9 => return Ok(result),
                _ if result.rows.len() >= ROWS => return Err(SqlError::broken(format!("more than {ROWS} rows"))),
                _ => {}
            }
            let row = parse::<RowDeserializer<ServerSide, Text>>(&packet, described.clone())?.into_inner();
            let values = row.unwrap_raw().into_iter().map(|value| value.unwrap_or(Value::NULL));
            result.rows.push(values.zip(described.iter()).map(|(value, of)| cell(value, of)).collect());
        }
    }

    /// The next packet, of [`PACKET`] bytes at the most.
    async fn read(&mut self) -> Result<Vec<u8>, SqlError> {
        let mut packet = Vec::new();
        loop {
            if self.codec.decode(&mut self.incoming, &mut packet).map_err(SqlError::broken)? {
                return Ok(packet);
            }
            if self.stream.read_buf(&mut self.incoming).await.map_err(SqlError::broken)? == 0 {
                return Err(SqlError::broken("the server closed the connection"));
            }
        }
    }

    async fn write(&mut self, payload: &[u8]) -> Result<(), SqlError> {
        let mut outgoing = BytesMut::new();
        self.codec.encode(&mut &*payload, &mut outgoing).map_err(SqlError::broken)?;
        self.stream.write_all(&outgoing).await.map_err(SqlError::broken)
    }
}

/// A cell as text; bytes in a column that is no text are digits, even where they could be read as text.
fn cell(value: Value, column: &Column) -> Option<String> {
    use ColumnType as T;
    let stringy = matches!(
        column.column_type(),
        T::MYSQL_TYPE_BLOB
            | T::MYSQL_TYPE_TINY_BLOB
            | T::MYSQL_TYPE_MEDIUM_BLOB
            | T::MYSQL_TYPE_LONG_BLOB
            | T::MYSQL_TYPE_STRING
            | T::MYSQL_TYPE_VAR_STRING
            | T::MYSQL_TYPE_VARCHAR
    );
    match value {
        Value::NULL => None,
        Value::Bytes(bytes) if column.column_type() == T::MYSQL_TYPE_BIT => {
            Some(bytes.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte)).to_string())
        }
        Value::Bytes(bytes) if stringy && column.character_set() == BINARY => {
            Some(format!("\\x{}", hex::encode(bytes)))
        }
        Value::Bytes(bytes) => Some(text_of(&bytes)),
        other => Some(other.as_sql(true)),
    }
}

fn parse<'a, T: MyDeserialize<'a>>(packet: &'a [u8], context: T::Ctx) -> Result<T, SqlError> {
    ParseBuf(packet).parse(context).map_err(SqlError::broken)
}

fn refused(packet: &[u8]) -> SqlError {
    match parse::<ErrPacket<'_>>(packet, login::capabilities()) {
        Ok(ErrPacket::Error(error)) => {
            let state = error.sql_state_ref().map_or("HY000".into(), |state| state.as_str().into_owned());
            SqlError::refused(&state, &error.message_str())
        }
        _ => SqlError::broken("an error that cannot be read"),
    }
}
