//! What the rules that need nothing but a schema say of databases: `cargo run -p harness-database --example rules -- PORT
//! PASSWORD DATABASE…` asks the PostgreSQL server at that port of this machine, as the user `postgres`.
//!
//! Prints lines of words between tabs: `tables NUMBER`, `foreign-keys NUMBER`, `primary-keys TABLE`,
//! `foreign-key-indexes TABLE CONSTRAINT`, each after the database's name.

use harness_database::rule;
use harness_kit::{DatabaseHint, DatabaseKind};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(port), Some(password)) = (arguments.next(), arguments.next()) else {
        return Err("usage: rules PORT PASSWORD DATABASE…".into());
    };
    let port: u16 = port.parse()?;
    for database in arguments {
        let hint = DatabaseHint {
            kind: DatabaseKind::Postgres,
            service: "a server of this machine".to_owned(),
            host: "127.0.0.1".to_owned(),
            port,
            user: "postgres".to_owned(),
            password: password.clone(),
            database: database.clone(),
        };
        let ruled = rule(&hint).await?;
        println!("{database}\ttables\t{}", ruled.tables);
        println!("{database}\tforeign-keys\t{}", ruled.foreign_keys);
        for table in &ruled.without_primary_key {
            println!("{database}\tprimary-keys\t{table}");
        }
        for (table, constraint) in &ruled.unindexed {
            println!("{database}\tforeign-key-indexes\t{table}\t{constraint}");
        }
    }
    Ok(())
}
