//! Which functions answer HTTP requests, by what the frameworks ask of them: decorators, annotations, parameters, bases.

use std::sync::LazyLock;

use harness_syntax::{Function, Language, Node, Tree};
use regex::Regex;

use crate::tree;

fn pattern(text: &str) -> Option<Regex> {
    Regex::new(text).ok()
}

static PYTHON_ROUTE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"^@(?:[\w.]+\.(?:get|post|put|patch|delete|route|api_route|action)\b|api_view\b|action\b|require_http_methods\b)",
    )
});
static SCRIPT_PARAMETERS: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"(?s)^\(?\s*_?(?:req|request)\b[^,]{0,120},\s*_?(?:res|response|reply|rep|h)\b"));
static SCRIPT_ROUTE: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"(?s)\.(?:get|post|put|patch|delete|all|openapi)$"));
static NEST_ROUTE: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(r"^@(?:Get|Post|Put|Patch|Delete|All)\("));
static GO_PARAMETERS: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"http\.ResponseWriter|\*gin\.Context|echo\.Context|fiber\.Ctx"));
static JAVA_ROUTE: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"@(?:(?:Get|Post|Put|Patch|Delete|Request)Mapping|GET|POST|PUT|PATCH|DELETE)\b"));
static RUST_ROUTE: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"^#\[(?:\w+::)?(?:get|post|put|patch|delete|route)\("));
static RUST_PARAMETERS: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"\b(?:State|Json|Path|Query|Extension|Form)\s*\(|web::(?:Json|Data|Path|Query|Form)\b"));

fn fits(pattern: &LazyLock<Option<Regex>>, text: &str) -> bool {
    pattern.as_ref().is_some_and(|pattern| pattern.is_match(text))
}

/// Names of the methods by which a class of views answers.
const VIEW_METHODS: &[&str] = &[
    "get",
    "post",
    "put",
    "patch",
    "delete",
    "list",
    "create",
    "retrieve",
    "update",
    "partial_update",
    "destroy",
    "perform_create",
    "perform_update",
];

/// Whether a function answers requests. Middleware does not: it lets requests through.
pub(super) fn is_handler(tree: &Tree<'_>, function: &Function<'_>, path: &str) -> bool {
    let aside = |word: &str| tree::folders(path).any(|folder| folder.contains(word));
    if aside("middleware") || tree::file_name(path).to_ascii_lowercase().contains("middleware") {
        return false;
    }
    let parameters = function.parameters.map_or("", |parameters| tree.text(parameters));
    match tree.language() {
        Language::Python => python(tree, function, parameters, path),
        Language::JavaScript | Language::TypeScript | Language::Tsx => {
            fits(&SCRIPT_PARAMETERS, parameters)
                || before(function.node, "decorator").any(|node| fits(&NEST_ROUTE, tree.text(node)))
                || is_given_to_route(tree, function.node)
        }
        Language::Go => fits(&GO_PARAMETERS, parameters) && !tree.text(function.node).contains("next.ServeHTTP"),
        Language::Java => {
            let modifiers = children(function.node).find(|node| node.kind() == "modifiers");
            modifiers.is_some_and(|modifiers| fits(&JAVA_ROUTE, tree.text(modifiers)))
        }
        Language::Rust => {
            before(function.node, "attribute_item").any(|node| fits(&RUST_ROUTE, tree.text(node)))
                || function.owner.is_none() && function.name.is_some() && fits(&RUST_PARAMETERS, parameters)
        }
        Language::Ruby | Language::Php => {
            function.owner.is_some_and(|owner| owner.ends_with("Controller"))
                && !tree.text(function.node).trim_start().starts_with("private")
        }
    }
}

fn python(tree: &Tree<'_>, function: &Function<'_>, parameters: &str, path: &str) -> bool {
    let decorated = function.node.parent().filter(|parent| parent.kind() == "decorated_definition");
    let routed = decorated.is_some_and(|parent| {
        children(parent).any(|node| node.kind() == "decorator" && fits(&PYTHON_ROUTE, tree.text(node)))
    });
    let name = function.name.unwrap_or("");
    let of_view = function.owner.is_some_and(|owner| {
        ["View", "ViewSet", "Resource", "APIView", "Viewset"].iter().any(|end| owner.ends_with(end))
    });
    let django = function.owner.is_none()
        && parameters.trim_start_matches('(').trim_start().starts_with("request")
        && tree::file_name(path).contains("view");
    routed || of_view && VIEW_METHODS.contains(&name) || django
}

/// `app.get('/path', …, (ctx) => …)`: a function among the arguments of a call that names a path.
fn is_given_to_route(tree: &Tree<'_>, node: Node<'_>) -> bool {
    let Some(arguments) = node.parent().filter(|parent| parent.kind() == "arguments") else { return false };
    let Some(call) = arguments.parent().filter(|parent| parent.kind() == "call_expression") else { return false };
    let callee = call.child_by_field_name("function").map_or("", |callee| tree.text(callee));
    let path = arguments.named_child(0).map_or("", |first| tree.text(first));
    fits(&SCRIPT_ROUTE, callee) && path.trim_start_matches(['\'', '"', '`']).starts_with('/')
}

fn children<'t>(node: Node<'t>) -> impl Iterator<Item = Node<'t>> {
    (0..node.child_count().min(200)).filter_map(move |at| node.child(at))
}

/// The siblings of a kind that stand right before a node.
fn before<'t>(node: Node<'t>, kind: &'static str) -> impl Iterator<Item = Node<'t>> {
    std::iter::successors(node.prev_named_sibling(), |node| node.prev_named_sibling())
        .take(10)
        .take_while(move |node| node.kind() == kind || node.kind() == "line_comment" || node.kind() == "comment")
        .filter(move |node| node.kind() == kind)
}

#[cfg(test)]
mod tests {
    use harness_syntax::{Limits, parse};

    use super::*;

    fn handlers(path: &str, text: &str) -> Vec<String> {
        let tree = parse(Language::of_path(path).unwrap(), text, Limits::default()).unwrap();
        let functions = tree.functions();
        let named = functions.iter().filter(|function| is_handler(&tree, function, path));
        named.map(|function| function.name.unwrap_or("?").to_owned()).collect()
    }

    #[test]
    fn each_framework_says_who_answers() {
        for (path, text, expected) in [
            (
                "app/a.py",
                "@router.get('/x')\nasync def read(id): ...\n@app.exception_handler(X)\ndef wrong(): ...\ndef help(): ...\n",
                vec!["read"],
            ),
            (
                "shop/views.py",
                "class BookViewSet(ModelViewSet):\n    def create(self, request): ...\n    def helper(self): ...\ndef index(request): ...\n",
                vec!["create", "index"],
            ),
            (
                "src/a.ts",
                "export const list = async (req: Request, res: Response) => {};\nfunction fail(err: Error, req: Request, res: Response) {}\n",
                vec!["list"],
            ),
            ("src/b.ts", "class A { @Get(':id') find(id: string) {} other() {} }", vec!["find"]),
            ("src/c.js", "app.get('/x', guard, (c) => c.json(1)); cache.get('x', (v) => v);", vec!["?"]),
            ("src/middleware/d.js", "module.exports = function auth(req, res, next) { next(); };", vec![]),
            (
                "h.go",
                "package a\nfunc (h *H) List(w http.ResponseWriter, r *http.Request) {}\nfunc g(c *gin.Context) {}\nfunc x(a int) {}\n",
                vec!["List", "g"],
            ),
            ("A.java", "class A { @GetMapping(\"/x\") List<B> all() { return null; } void x() {} }", vec!["all"]),
            (
                "src/a.rs",
                "#[get(\"/x\")]\nasync fn a() {}\nasync fn b(State(s): State<S>) {}\nfn c(x: u8) {}\n",
                vec!["a", "b"],
            ),
        ] {
            assert_eq!(handlers(path, text), expected, "{path}");
        }
    }
}
