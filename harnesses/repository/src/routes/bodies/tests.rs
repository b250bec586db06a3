//! What handlers take, in code as people write it.

use crate::routes::from_source;
use crate::testing::snapshot;

/// Routes that tell their body, as `METHOD /path: name kind, …`, with `?` behind what may be left out. The kind is the
/// format, the choices or the JSON type, whichever is told first, `…` says that there may be more.
fn bodies(files: &[(&str, &str)]) -> Vec<String> {
    let told = from_source(&snapshot(files)).into_iter().filter(|hint| !hint.members.is_empty());
    let mut found: Vec<String> = told
        .map(|hint| {
            let members = hint.members.iter().map(|member| {
                let mark = if member.required { "" } else { "?" };
                let kind = [member.format.clone(), member.choices.join("|"), member.kind.clone()];
                let kind = kind.into_iter().find(|kind| !kind.is_empty()).unwrap_or_default();
                format!("{} {kind}{mark}", member.name)
            });
            let more = if hint.partial { ", …" } else { "" };
            format!("{} {}: {}{more}", hint.method, hint.path, members.collect::<Vec<_>>().join(", "))
        })
        .collect();
    found.sort();
    found
}

#[test]
fn bodies_of_rocket_handlers() {
    let found = bodies(&[
        (
            "src/main.rs",
            "#[launch]\nfn rocket() -> _ {\n    rocket::build().mount(\"/auth\", routes![controllers::auth::sign_up, controllers::auth::me])\n}\n",
        ),
        (
            "src/controllers/auth.rs",
            "#[derive(Deserialize)]\n#[serde(crate = \"rocket::serde\")]\npub struct ReqSignUp {\n    email: String,\n    #[serde(rename = \"firstName\")]\n    pub firstname: String,\n    /// Of birth.\n    year: Option<i32>,\n}\n#[post(\"/sign-up\", data = \"<req>\")]\npub async fn sign_up(db: &State<Db>, req: Json<ReqSignUp>) -> Response<String> { Ok(()) }\n#[get(\"/me\")]\npub async fn me(user: User) -> Json<Me> { Json(user) }\npub struct Me { id: i32 }\n",
        ),
    ]);
    assert_eq!(found, ["POST /auth/sign-up: email string, firstName string, year integer?"]);
}

#[test]
fn bodies_of_axum_and_actix_handlers() {
    let found = bodies(&[
        (
            "src/main.rs",
            "fn app() -> Router { Router::new().route(\"/books\", get(books::list).post(books::create))\n.route(\"/login\", post(login))\n.route(\"/a\", post(login)).route(\"/b\", post(books::create)) }\nasync fn login(Json(body): Json<Login>) {}\n#[serde(rename_all = \"camelCase\")]\nstruct Login { user_name: String, tags: Vec<String>, #[serde(default)] stay: bool }\n",
        ),
        (
            "src/books.rs",
            "pub async fn create(State(s): State<S>, Json(body): Json<NewBook>) {}\npub async fn list() {}\npub struct NewBook { title: String, price: Decimal, author: Author }\n",
        ),
        // The same names elsewhere say nothing of it.
        ("src/authors.rs", "pub async fn create(body: Json<NewBook>) {}\npub struct NewBook { name: String }\n"),
        (
            "src/shop.rs",
            "fn config(cfg: &mut web::ServiceConfig) { cfg.service(web::resource(\"/orders\").route(web::post().to(place))); }\nasync fn place(form: web::Form<Order>) {}\nstruct Order { #[serde(flatten)] rest: Rest, total: f64 }\n",
        ),
    ]);
    assert_eq!(
        found,
        ["POST /books: title string, price number, author ", "POST /login: userName string, tags array, stay boolean?"]
    );
}

#[test]
fn bodies_of_spring_controllers_in_java() {
    let found = bodies(&[
        (
            "src/main/java/shop/BookController.java",
            r#"@RestController
@RequestMapping("/api/books")
public class BookController {
    private final BookService service;
    @PostMapping
    @ResponseStatus(HttpStatus.CREATED)
    public ResponseEntity<BookResponse> create(@Valid @RequestBody final BookRequest request, Principal who) { return null; }
    @PutMapping("/{id}")
    public Book update(@PathVariable("id") Long id, @RequestBody Book book) { return null; }
    @PostMapping("/reviews")
    public void review(@RequestBody Review review) {}
    @PatchMapping("/{id}")
    public Book patch(@PathVariable Long id, @RequestBody Map<String, Object> changes) { return null; }
    @GetMapping
    public List<Book> list(@RequestParam(defaultValue = "0") int page) { return null; }
}
"#,
        ),
        (
            "src/main/java/shop/BookRequest.java",
            r#"public record BookRequest(
    @NotBlank @Size(max = 200) String title,
    @NotNull @Positive BigDecimal price,
    @JsonProperty("published_on") @NotNull LocalDate publishedOn,
    @NotNull Genre genre,
    List<Long> authorIds) {}
"#,
        ),
        // What it inherits is not told.
        ("src/main/java/shop/Review.java", "public class Review extends Text { public int stars; }"),
        ("src/main/java/shop/Genre.java", "public enum Genre { FICTION(\"f\"), SCIENCE(\"s\"); Genre(String x) {} }"),
        (
            "src/main/java/shop/Book.java",
            r#"@Entity
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
public class Book {
    private static final int MOST = 3;
    @Id @GeneratedValue(strategy = GenerationType.IDENTITY)
    private Long id;
    @Column(nullable = false, length = 200)
    private String fullTitle;
    private Set<Tag> tags = new HashSet<>();
    private String[] images;
    @JsonProperty(access = JsonProperty.Access.READ_ONLY)
    private LocalDateTime createdAt;
    private Author author;
    public String getFullTitle() { return fullTitle; }
}
"#,
        ),
    ]);
    assert_eq!(
        found,
        [
            "POST /api/books/reviews: stars integer?, …",
            "POST /api/books: title string, price number, published_on date, genre FICTION|SCIENCE, authorIds array?",
            "PUT /api/books/{id}: full_title string, tags array?, images array?, author ?"
        ]
    );
}

#[test]
fn bodies_of_kotlin_and_jax_rs() {
    let found = bodies(&[
        (
            "src/main/kotlin/AuthController.kt",
            r#"@RestController
@RequestMapping("/auth")
class AuthController(private val users: Users) {
    @PostMapping("/register")
    fun register(@Valid @RequestBody request: RegisterRequest): ResponseEntity<User> = users.register(request)
}
data class RegisterRequest(
    @field:Email val email: String,
    val passWord: String,
    val phone: String? = null,
    val role: Role = Role.USER,
)
"#,
        ),
        ("src/main/resources/application.yml", "spring:\n  jackson:\n    property-naming-strategy: SNAKE_CASE\n"),
        (
            "src/main/java/OrderResource.java",
            r#"@Path("/orders")
public class OrderResource {
    @POST
    @Consumes(MediaType.APPLICATION_JSON)
    public Response place(@Context UriInfo uri, OrderRequest order) { return null; }
    static class OrderRequest { public long bookId; @NotNull public Integer quantity; }
}
"#,
        ),
    ]);
    assert_eq!(
        found,
        [
            "POST /auth/register: email string, pass_word string, phone string?, role ?",
            "POST /orders: book_id integer?, quantity integer"
        ]
    );
}

#[test]
fn bodies_of_go_handlers() {
    let found = bodies(&[
        (
            "main.go",
            "package main\nfunc main() {\n r := gin.Default()\n h := handlers.NewBookHandler(db)\n r.POST(\"/register\", app.UserHandler.Register)\n r.POST(\"/reviews\", review)\n r.POST(\"/books\", auth, h.Create)\n r.PUT(\"/books/:id\", h.Update)\n r.POST(\"/login\", controllers.Login(db))\n r.POST(\"/orders\", func(c *gin.Context) {\n  var in struct {\n   BookID uint `json:\"book_id\" binding:\"required\"`\n   Note   string\n  }\n  c.BindJSON(&in)\n })\n r.POST(\"/authors\", authors.Create)\n}\n",
        ),
        (
            "handlers/book.go",
            "package handlers\ntype BookHandler struct { db *gorm.DB }\nfunc NewBookHandler(db *gorm.DB) *BookHandler { return &BookHandler{db: db} }\nfunc (h *BookHandler) Create(c *gin.Context) {\n var req dto.BookRequest\n if err := c.ShouldBindJSON(&req); err != nil {\n  c.JSON(400, gin.H{\"error\": \"bad request\"})\n }\n}\nfunc (h *BookHandler) Update(c *gin.Context) {\n book := &models.Book{}\n c.Bind(book)\n}\ntype OtherHandler struct{}\nfunc (o *OtherHandler) Create(c *gin.Context) { var req dto.Other; c.ShouldBindJSON(&req) }\n",
        ),
        (
            "dto/book.go",
            "package dto\ntype BookRequest struct {\n Title string `json:\"title\" binding:\"required,min=1\"`\n Price float64 `binding:\"required,gt=0\" json:\"price,omitempty\"`\n PublishedAt *time.Time `json:\"published_at\"`\n Format string `json:\"format\" validate:\"required,oneof=paper audio\"`\n Tags []string `json:\"tags\"`\n Hidden string `json:\"-\"`\n gorm.Model\n internal int\n}\ntype Other struct { Name string }\n",
        ),
        (
            "models/book.go",
            "package models\ntype Book struct {\n gorm.Model\n Title string `gorm:\"not null\"`\n Pages int\n}\n",
        ),
        (
            "controllers/auth.go",
            "package controllers\nfunc Login(db *gorm.DB) http.HandlerFunc {\n return func(w http.ResponseWriter, r *http.Request) {\n  in := new(loginInput)\n  json.NewDecoder(r.Body).Decode(&in)\n }\n}\ntype loginInput struct { Email, Password string; Code int `json:\"code\"` }\n",
        ),
        (
            "users/handler.go",
            "func (h *Handler) Register(c *gin.Context) { var in struct { Email *string `json:\"email\" binding:\"required,email\"` }\n c.Bind(&in) }\n",
        ),
        (
            "staff/handler.go",
            "func (h *Handler) Register(c *gin.Context) { var in struct { Badge int }\n c.Bind(&in) }\n",
        ),
        // What an embedded struct brings is not told.
        (
            "review.go",
            "func review(c echo.Context) error {\n in := Review{}\n return c.Bind(&in)\n}\ntype Review struct {\n models.Text\n Stars int\n}\n",
        ),
        // A method that reads its body elsewhere is not mistaken for another type's.
        (
            "carts/handler.go",
            "func Routes(r *gin.Engine, h *CartHandler) { r.POST(\"/carts\", h.Fill) }\nfunc (h *CartHandler) Fill(c *gin.Context) { read(c) }\nfunc (h *BasketHandler) Fill(c *gin.Context) { var in struct { Weight int }\n c.Bind(&in) }\n",
        ),
        // Nothing tells which of the two is meant.
        ("authors/a.go", "func (a *A) Create(c *gin.Context) { var x X; c.Bind(&x) }\ntype X struct { Name string }\n"),
        ("authors/b.go", "func (b *B) Create(c *gin.Context) { var x Y; c.Bind(&x) }\ntype Y struct { Name string }\n"),
    ]);
    assert_eq!(
        found,
        [
            "POST /books: title string, price number, published_at date-time?, format paper|audio, tags array?",
            "POST /login: Email string?, Password string?, code integer?",
            "POST /orders: book_id integer, Note string?",
            "POST /register: email string",
            "POST /reviews: Stars integer?, …",
            "PUT /books/{id}: Title string?, Pages integer?"
        ]
    );
}

#[test]
fn bodies_of_express_handlers() {
    let found = bodies(&[
        (
            "src/app.js",
            r#"const express = require('express');
const app = express();
app.use(express.json());
app.use('/api/auth', require('./routes/auth'));
app.use('/api/books', require('./routes/books'));
app.post('/api/orders', async (req, res) => {
  const required = ['bookId', 'quantity'];
  for (const name of required) if (!req.body[name]) return res.status(400).json({ error: 'Bad request' });
});
"#,
        ),
        (
            "src/routes/auth.js",
            r#"const router = require('express').Router();
const authController = require('../controllers/auth.controller');
const { login } = require('../controllers/auth.controller');
router.post('/register', authController.register);
router.post('/login', limiter, login);
router.post('/logout', authController.logout.bind(authController));
module.exports = router;
"#,
        ),
        (
            "src/controllers/auth.controller.js",
            r#"exports.register = async (req, res) => {
  const { fullName, email, password, phone: tel, role = 'reader' } = req.body;
  if (!fullName || !email || !password || !tel) {
    return res.status(400).json({ message: 'All fields are required' });
  }
};
exports.login = asyncHandler(async (req, res) => {
  if (!req.body.email || req.body?.password === undefined) throw new BadRequest();
  const user = await User.findOne({ email: req.body.email, name: user.name });
});
exports.logout = async (req, res) => { res.json({}) };
"#,
        ),
        (
            "src/routes/books.ts",
            r#"import { Router } from 'express';
import { BookController } from '../controllers/BookController';
const router = Router();
const controller = new BookController();
router.route('/').get(controller.list).post(auth, wrap(controller.create));
router.put('/:id', auth, controller.update);
export default router;
"#,
        ),
        (
            "src/controllers/BookController.ts",
            r#"export class BookController {
  public list = async (req: Request, res: Response) => { res.json([]) };
  create = async (req: Request, res: Response): Promise<void> => {
    const data = req.body;
    if (!data.title || typeof data.price !== 'number') { res.status(400).json({ error: 'Invalid' }); return; }
    const { isbn, pages, ...rest } = data;
    if (pages == null) { res.sendStatus(400); return; }
    await this.service.create(rest);
  };
  async update(req: Request, res: Response) { res.json(await this.service.update(req.params.id, req.body)); }
}
"#,
        ),
    ]);
    assert_eq!(
        found,
        [
            "POST /api/auth/login: email , password ",
            "POST /api/auth/register: fullName , email , password , phone , role ?",
            "POST /api/books: title , price number, isbn ?, pages , …",
            "POST /api/orders: bookId , quantity "
        ]
    );
}

#[test]
fn bodies_of_flask_views() {
    let found = bodies(&[(
        "app.py",
        r#"
app = Flask(__name__)

@app.route("/register", methods=["POST"])
def register():
    data = request.get_json() or {}
    name = data.get("full_name")
    email = data.get("email", "").strip()
    if not name or not email or not data.get("password"):
        return jsonify(error="Missing fields"), 400
    nick = data.get("nick")
    return jsonify(ok=True), 201

@app.post("/books")
@login_required
def create_book():
    body = request.json
    book = Book(title=body["title"], price=body["price"], pages=body.get("pages"))
    if "isbn" not in body:
        abort(400)
    return book.to_dict(), 201

@app.post("/orders")
def order():
    data = request.get_json()
    for field in ("book_id", "quantity"):
        if field not in data:
            return {"error": "bad request"}, 400
    return create(data)

@app.get("/books")
def books():
    return jsonify([])
"#,
    )]);
    assert_eq!(
        found,
        [
            "POST /books: title , price , pages ?, isbn ",
            "POST /orders: book_id , quantity , …",
            "POST /register: full_name , email , password , nick ?"
        ]
    );
}
