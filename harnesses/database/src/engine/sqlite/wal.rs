//! The write-ahead log of an SQLite file, folded into the file's bytes as a checkpoint would.
//!
//! The format is that of sqlite.org/fileformat2.html, section 4. Only frames whose salts and running checksums hold count,
//! up to the last one that commits: what follows was never part of the database. A log that is none changes nothing.

const HEADER: usize = 32;
const FRAME: usize = 24;
const MAGIC: u32 = 0x377f_0682;

/// Writes the committed pages of `wal` into `main`, which grows or shrinks to the size that the last commit names.
pub(super) fn apply(main: &mut Vec<u8>, wal: &[u8]) {
    let Some(frames) = committed(wal) else { return };
    let Some(last) = frames.last() else { return };
    // The log and the file together are as long as what was read; a forged size is not believed beyond that.
    let most = main.len() + wal.len();
    let Some(size) = (last.pages as usize).checked_mul(last.page.len()).filter(|size| *size <= most) else { return };
    main.resize(size, 0);
    for frame in &frames {
        let at = (frame.number as usize - 1).checked_mul(frame.page.len());
        if let Some(into) = at.and_then(|at| main.get_mut(at..at.checked_add(frame.page.len())?)) {
            into.copy_from_slice(frame.page);
        }
    }
}

struct Frame<'a> {
    /// From 1.
    number: u32,
    /// Pages of the database after this commit; 0 for a frame that is none.
    pages: u32,
    page: &'a [u8],
}

/// The frames up to the last commit, in order.
fn committed(wal: &[u8]) -> Option<Vec<Frame<'_>>> {
    let magic = number(wal, 0)?;
    if magic & !1 != MAGIC {
        return None;
    }
    let big = magic & 1 == 1;
    let page_size = number(wal, 8)? as usize;
    if !page_size.is_power_of_two() || !(512..=65_536).contains(&page_size) {
        return None;
    }
    let salts = wal.get(16..24)?;
    let mut sum = checksum((0, 0), wal.get(..24)?, big);
    if sum != (number(wal, 24)?, number(wal, 28)?) {
        return None;
    }
    let mut frames = Vec::new();
    let mut whole = 0;
    for bytes in wal.get(HEADER..)?.chunks_exact(FRAME + page_size) {
        let (head, page) = bytes.split_at(FRAME);
        sum = checksum(checksum(sum, &head[..8], big), page, big);
        let (Some(at), Some(pages)) = (number(head, 0), number(head, 4)) else { break };
        if head[8..16] != *salts || at == 0 || (number(head, 16), number(head, 20)) != (Some(sum.0), Some(sum.1)) {
            break;
        }
        frames.push(Frame { number: at, pages, page });
        if pages > 0 {
            whole = frames.len();
        }
    }
    frames.truncate(whole);
    Some(frames)
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn checksum((mut one, mut two): (u32, u32), bytes: &[u8], big: bool) -> (u32, u32) {
    let word = |bytes: &[u8]| {
        let bytes = [bytes[0], bytes[1], bytes[2], bytes[3]];
        if big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    };
    for pair in bytes.chunks_exact(8) {
        one = one.wrapping_add(word(&pair[..4])).wrapping_add(two);
        two = two.wrapping_add(word(&pair[4..])).wrapping_add(one);
    }
    (one, two)
}

#[cfg(test)]
mod tests {
    use super::super::Session;

    /// A file and its log as an application that is still running leaves them.
    fn running() -> (Vec<u8>, Vec<u8>) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("app.db");
        let connection = rusqlite::Connection::open(&path).expect("a database");
        connection
            .execute_batch(
                "PRAGMA journal_mode = wal; PRAGMA wal_autocheckpoint = 0;
                 CREATE TABLE t (a TEXT); INSERT INTO t VALUES ('kept');
                 BEGIN; INSERT INTO t VALUES ('too'); COMMIT;",
            )
            .expect("statements");
        let read = |end: &str| std::fs::read(folder.path().join(format!("app.db{end}"))).expect("a file");
        (read(""), read("-wal"))
    }

    fn texts(main: Vec<u8>, wal: Option<&[u8]>) -> Vec<String> {
        let mut session = Session::open(main, wal).expect("a copy");
        let rows = session.query("SELECT a FROM t ORDER BY rowid").unwrap_or_default();
        rows.rows.into_iter().flatten().flatten().collect()
    }

    #[test]
    fn what_stands_only_in_the_log_is_read() {
        let (main, wal) = running();
        assert_eq!(texts(main, Some(&wal)), ["kept", "too"]);
    }

    #[test]
    fn a_frame_that_was_cut_off_or_forged_ends_the_log() {
        let (main, wal) = running();
        assert_eq!(texts(main.clone(), Some(&wal[..wal.len() - 1])), ["kept"]);
        let mut forged = wal.clone();
        let last = forged.len() - 1;
        forged[last] ^= 1;
        assert_eq!(texts(main, Some(&forged)), ["kept"]);
    }

    #[test]
    fn a_log_that_is_none_changes_nothing() {
        let (main, wal) = running();
        let checkpointed = {
            let mut main = main;
            super::apply(&mut main, &wal);
            main
        };
        for log in [&b""[..], b"nonsense", &[0xff; 4096]] {
            let mut same = checkpointed.clone();
            super::apply(&mut same, log);
            assert_eq!(same, checkpointed);
        }
    }
}
