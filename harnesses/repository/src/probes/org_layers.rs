//! `org.layers`: what translates requests, what decides and what stores are told apart.
//!
//! Observes, by syntax tree, which functions answer requests and where the database is touched. As a reviewer would:
//! - SQL written in request handlers is a finding: a **fail** where half of those that touch the database do so, else a
//!   partial. Statements belong where they can be found, shared and tested.
//! - A file that defines tables, answers requests and reads or writes in those answers is all layers in one: a **fail**
//!   from three handlers on, however small the program, because the brief asks for an organization that others can grow.
//! - A handler that carries a whole business step through a mapper by itself (several reads and writes, and decisions
//!   between them) is a partial: the rule cannot be tested without HTTP. All such steps in handlers is a fail.
//! - A mapper used in a handler for one simple step (find, add and commit, delete) is **right**: a session or a Prisma
//!   client handed to a handler is how FastAPI, Express and Django are meant to be used, and a layer that only passes
//!   on would be worse. Routers beside services, or controllers beside models, pass whatever the folders are called.
//!
//! Without a recognizable handler it is inconclusive. Planted defects: `org-layers-*`.

use grader_model::{Evidence, Finding};
use grader_spec::Params;

use super::{Tree, counted};
use crate::structure::{Routine, Unit};

pub(super) const ID: &str = "org.layers";

/// Handlers from which a file with tables is all layers in one.
const CROWD: usize = 3;
/// Places shown.
const SHOWN: usize = 6;

/// A finding by kind, with the share that it leaves.
struct Trouble {
    left: f64,
    what: String,
    evidence: Vec<Evidence>,
}

pub(super) fn run(tree: &Tree<'_>, _: &Params) -> Finding {
    let expected = "handlers that translate; rules and statements in functions of their own";
    let handlers: Vec<(&Unit, &Routine)> = tree
        .units()
        .iter()
        .flat_map(|unit| unit.functions.iter().filter(|routine| routine.handler).map(move |routine| (unit, routine)))
        .collect();
    if handlers.is_empty() {
        return Finding::inconclusive(ID, "No request handler was recognized in the source");
    }
    let mut troubles: Vec<Trouble> = [written_out(&handlers), whole_steps(&handlers)].into_iter().flatten().collect();
    troubles.extend(tree.units().iter().filter_map(all_in_one));
    troubles.sort_by(|a, b| a.left.total_cmp(&b.left));
    let direct = handlers.iter().filter(|(_, routine)| !routine.access.is_empty()).count();
    let Some(worst) = troubles.first() else {
        let actual = if direct > 0 {
            format!("{}, {direct} of them with one simple step through a mapper", counted(handlers.len(), "handler"))
        } else {
            format!("{}, none of which touches the database", counted(handlers.len(), "handler"))
        };
        return Finding::pass(ID, "Requests, rules and data access are told apart").expected(expected).actual(actual);
    };
    let what: Vec<&str> = troubles.iter().map(|trouble| trouble.what.as_str()).collect();
    let evidence: Vec<Evidence> = troubles.iter().flat_map(|trouble| trouble.evidence.clone()).take(SHOWN).collect();
    Finding::partial(ID, worst.left, format!("The layers are mixed: {}", what[0]))
        .expected(expected)
        .actual(what.join("; "))
        .evidences(evidence)
}

/// SQL in handlers.
fn written_out(handlers: &[(&Unit, &Routine)]) -> Option<Trouble> {
    let with: Vec<&(&Unit, &Routine)> = handlers.iter().filter(|(_, routine)| routine.sql().next().is_some()).collect();
    if with.is_empty() {
        return None;
    }
    let touching = handlers.iter().filter(|(_, routine)| !routine.access.is_empty()).count();
    let evidence = with
        .iter()
        .flat_map(|(unit, routine)| routine.sql().take(2).map(move |access| (unit, routine, access)))
        .take(SHOWN)
        .map(|(unit, routine, access)| {
            Evidence::file(unit.path.clone(), Some(access.line), format!("{}: {}", routine.name, access.shown))
        })
        .collect();
    let left = if with.len() * 2 >= touching && with.len() > 1 { 0.0 } else { 0.5 };
    Some(Trouble { left, what: format!("SQL in {}", counted(with.len(), "request handler")), evidence })
}

/// Business steps that handlers carry through by themselves.
fn whole_steps(handlers: &[(&Unit, &Routine)]) -> Option<Trouble> {
    let is_step = |routine: &Routine| {
        let writes = routine.access.iter().filter(|access| access.writes).count();
        writes >= 2 && routine.access.len() >= 3 && routine.complexity >= 3
    };
    let with: Vec<&(&Unit, &Routine)> =
        handlers.iter().filter(|(_, routine)| is_step(routine) && routine.sql().next().is_none()).collect();
    if with.is_empty() {
        return None;
    }
    let writing = handlers.iter().filter(|(_, routine)| routine.access.iter().any(|access| access.writes)).count();
    let evidence = with
        .iter()
        .take(SHOWN)
        .map(|(unit, routine)| {
            let shown = format!(
                "{}: {} to the database and a complexity of {} in one handler",
                routine.name,
                counted(routine.access.len(), "call"),
                routine.complexity
            );
            Evidence::file(unit.path.clone(), Some(routine.first_line), shown)
        })
        .collect();
    let left = if with.len() > 1 && with.len() * 2 > writing { 0.0 } else { 0.5 };
    Some(Trouble {
        left,
        what: format!("a whole business step in {}", counted(with.len(), "request handler")),
        evidence,
    })
}

/// A file that holds every layer.
fn all_in_one(unit: &Unit) -> Option<Trouble> {
    let handlers: Vec<&Routine> = unit.functions.iter().filter(|routine| routine.handler).collect();
    let touching = handlers.iter().filter(|routine| !routine.access.is_empty()).count();
    let first = unit.tables.first()?;
    if handlers.len() < CROWD || touching * 2 < handlers.len() {
        return None;
    }
    let shown = format!("tables are defined here; {} below answer requests", counted(handlers.len(), "function"));
    Some(Trouble {
        left: 0.0,
        what: format!("{} holds tables, rules and request handlers", unit.path),
        evidence: vec![
            Evidence::file(unit.path.clone(), Some(*first), shown),
            Evidence::file(unit.path.clone(), Some(handlers[0].first_line), handlers[0].name.clone()),
        ],
    })
}

#[cfg(test)]
mod tests {
    use grader_model::Verdict;

    use super::super::over;
    use super::*;

    fn verdict(files: &[(&str, &str)]) -> (Verdict, String) {
        let finding = over(files, run);
        (finding.verdict, finding.actual)
    }

    const ONE_FILE: &str = "app = Flask(__name__)\nclass Book(db.Model):\n    id = db.Column(db.Integer)\n\
        @app.get('/books')\ndef a():\n    return jsonify([b.id for b in Book.query.all()])\n\
        @app.post('/books')\ndef b():\n    db.session.add(Book())\n    db.session.commit()\n\
        @app.get('/books/<id>')\ndef c(id):\n    return Book.query.get(id)\n\
        @app.delete('/books/<id>')\ndef d(id):\n    db.session.delete(Book.query.get(id))\n\
        @app.get('/health')\ndef e():\n    return 'ok'\n";

    #[test]
    fn everything_in_one_file_fails_however_small() {
        assert_eq!(verdict(&[("app.py", ONE_FILE)]).0, Verdict::Fail);
    }

    #[test]
    fn statements_in_handlers() {
        let one =
            "router.get('/a', async (req, res) => { res.json(await pool.query('SELECT a FROM b WHERE c = 1')); });\n";
        let other = "router.get('/c', async (req, res) => { res.json(await service.list()); });\n";
        let own = "router.get('/d', async (req, res) => { res.json(await prisma.a.findMany()); });\n";
        assert_eq!(verdict(&[("src/a.js", &format!("{one}{one}{other}"))]).0, Verdict::Fail);
        assert_eq!(verdict(&[("src/a.js", &format!("{one}{other}{own}{own}{own}"))]).0, Verdict::Partial);
    }

    #[test]
    fn idiomatic_programs_pass() {
        let session = "@router.get('/{id}')\ndef read(id: int, db: Session = Depends(get_db)):\n    book = db.get(Book, id)\n    if book is None:\n        raise HTTPException(404)\n    return book\n\
            @router.post('', status_code=201)\ndef create(body: BookIn, db: Session = Depends(get_db)):\n    book = Book(**body.model_dump())\n    db.add(book)\n    db.commit()\n    db.refresh(book)\n    return book\n";
        let models = "class Book(Base):\n    id = mapped_column(Integer)\n";
        assert_eq!(verdict(&[("app/routers/books.py", session), ("app/models.py", models)]).0, Verdict::Pass);
        let prisma = "export const list = async (req, res) => { res.json(await prisma.book.findMany({ take: 20 })); };\n\
            export const create = async (req, res) => { const b = await prisma.book.create({ data: req.body }); res.status(201).json(b); };\n\
            export const remove = async (req, res) => { await prisma.book.delete({ where: { id: req.params.id } }); res.status(204).end(); };\n";
        assert_eq!(verdict(&[("src/controllers/books.js", prisma)]).0, Verdict::Pass);
        let layered = [
            (
                "h.go",
                "package a\nfunc (h *H) List(w http.ResponseWriter, r *http.Request) { h.service.List(r.Context()) }\n",
            ),
            ("s.go", "package a\nfunc (s *Store) List() { s.db.Query(\"SELECT a FROM b\") }\n"),
        ];
        assert_eq!(verdict(&layered).0, Verdict::Pass);
    }

    #[test]
    fn a_business_step_in_a_handler_is_half() {
        let step = "@router.post('/orders')\ndef place(body: OrderIn, db: Session = Depends(get_db)):\n    order = Order()\n    db.add(order)\n    for line in body.items:\n        book = db.query(Book).get(line.id)\n        if book.stock < line.quantity:\n            raise HTTPException(409)\n        book.stock -= line.quantity\n        db.add(Line(order, book))\n    db.commit()\n    return order\n";
        let other = "@router.post('/books')\ndef create(body: BookIn, db: Session = Depends(get_db)):\n    db.add(Book())\n    db.commit()\n";
        assert_eq!(verdict(&[("app/a.py", &format!("{step}{other}{other}"))]).0, Verdict::Partial);
    }

    #[test]
    fn no_handler_is_the_graders_limit() {
        assert_eq!(verdict(&[("src/a.ex", "def index(conn), do: conn")]).0, Verdict::Inconclusive);
    }
}
