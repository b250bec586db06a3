//! One small application per framework, and the routes that it has.

use crate::testing::snapshot;

/// The routes of these files as `METHOD /path`, sorted.
fn routes(files: &[(&str, &str)]) -> Vec<String> {
    let mut found: Vec<String> =
        super::from_source(&snapshot(files)).into_iter().map(|hint| format!("{} {}", hint.method, hint.path)).collect();
    found.sort();
    found
}

#[test]
fn fastapi_across_files() {
    let found = routes(&[
        (
            "app/main.py",
            "from app.api import api_router\nfrom app.core.config import settings\napp = FastAPI()\napp.include_router(api_router, prefix=settings.API_V1_STR)\n@app.get('/health')\nasync def health(): ...\n",
        ),
        ("app/core/config.py", "class Settings(BaseSettings):\n    API_V1_STR: str = '/api/v1'\n"),
        (
            "app/api/__init__.py",
            "from fastapi import APIRouter\nfrom .routes import books, login as auth\napi_router = APIRouter()\nfor r in [books.router, auth.router]:\n    api_router.include_router(r)\n",
        ),
        (
            "app/api/routes/books.py",
            "router = APIRouter(prefix='/books', tags=['a'])\n@router.get('/')\ndef a(): ...\n@router.put('/{book_id}', status_code=200)\ndef b(): ...\n",
        ),
        (
            "app/api/routes/login.py",
            "router = APIRouter()\n@router.post(\n    '/auth/login',\n    response_model=Token,\n)\nasync def b(): ...\n",
        ),
    ]);
    assert_eq!(found, ["GET /api/v1/books/", "GET /health", "POST /api/v1/auth/login", "PUT /api/v1/books/{book_id}"]);
}

#[test]
fn flask_blueprints_views_and_resources() {
    let found = routes(&[
        (
            "app/__init__.py",
            "from .auth import bp as auth_bp\nfrom .books import books_bp\ndef create_app():\n    app = Flask(__name__)\n    app.register_blueprint(auth_bp, url_prefix='/api/auth')\n    app.register_blueprint(books_bp)\n    return app\n",
        ),
        (
            "app/auth.py",
            "bp = Blueprint('auth', __name__)\n@bp.route('/login', methods=['POST'])\ndef login(): ...\n@bp.post('/register')\ndef register(): ...\n",
        ),
        (
            "app/books.py",
            "books_bp = Blueprint('books', __name__, url_prefix='/api/books')\n@books_bp.route('/', methods=['GET', 'POST'])\ndef books(): ...\nclass Book(MethodView):\n    def get(self, id): ...\n    def delete(self, id): ...\nbooks_bp.add_url_rule('/<int:id>', view_func=Book.as_view('book'))\n",
        ),
        (
            "app/orders.py",
            "api = Api(app, prefix='/v1')\nclass Orders(Resource):\n    def post(self): ...\napi.add_resource(Orders, '/orders')\n",
        ),
    ]);
    assert_eq!(
        found,
        [
            "DELETE /api/books/{id}",
            "GET /api/books/",
            "GET /api/books/{id}",
            "POST /api/auth/login",
            "POST /api/auth/register",
            "POST /api/books/",
            "POST /v1/orders"
        ]
    );
}

#[test]
fn django_rest_framework() {
    let found = routes(&[
        (
            "config/urls.py",
            "urlpatterns = [path('admin/', admin.site.urls), path('api/', include('shop.urls')), path('api/token/', TokenObtainPairView.as_view())]\n",
        ),
        (
            "shop/urls.py",
            "router = DefaultRouter()\nrouter.register(r'books', BookViewSet, basename='book')\nurlpatterns = [\n    path('', include(router.urls)),\n    path('orders/', OrderList.as_view()),\n    re_path(r'^users/(?P<pk>\\d+)/$', user_detail),\n]\n",
        ),
        (
            "shop/views.py",
            "class BookViewSet(viewsets.ReadOnlyModelViewSet):\n    @action(detail=True, methods=['post'])\n    def buy(self, request, pk=None): ...\nclass OrderList(generics.ListCreateAPIView):\n    pass\n@api_view(['GET'])\ndef user_detail(request, pk): ...\n",
        ),
    ]);
    for route in [
        "GET /api/books/",
        "GET /api/books/{id}/",
        "POST /api/books/{id}/buy/",
        "GET /api/orders/",
        "POST /api/orders/",
        "GET /api/users/{pk}/",
        "POST /api/token/",
    ] {
        assert!(found.iter().any(|found| found == route), "{route} in {found:?}");
    }
    assert!(!found.iter().any(|found| found == "POST /api/books/"), "{found:?}");
}

#[test]
fn express_mounted_by_name_by_call_and_by_require() {
    let found = routes(&[
        (
            "src/app.ts",
            "import express from 'express';\nimport books from './routes/books.js';\nimport { authRoutes } from './routes/auth';\nimport routes from './routes';\nconst app: Express = express();\napp.use(cors());\napp.use('/api/books', limiter, books);\napp.use('/api/auth', authRoutes(controller));\napp.use('/v2', require('./legacy'));\napp.get('/health', (req, res) => res.send('ok'));\nclient.get('/remote', {});\n",
        ),
        (
            "src/routes/books.ts",
            "const router = express.Router();\nrouter.get<{ id: string }>('/:id', wrap(async (req, res) => {}));\nrouter.route('/').get(list).post(auth, create);\nexport default router;\n",
        ),
        (
            "src/routes/auth.ts",
            "export function authRoutes(c: Auth): Router {\n  const router = Router();\n  router.post('/login', c.login);\n  return router;\n}\n",
        ),
        (
            "src/legacy.js",
            "const router = require('express').Router();\nrouter.delete('/x', h);\nmodule.exports = router;\n",
        ),
    ]);
    assert_eq!(
        found,
        [
            "DELETE /v2/x",
            "GET /api/books",
            "GET /api/books/{id}",
            "GET /health",
            "POST /api/auth/login",
            "POST /api/books"
        ]
    );
}

#[test]
fn express_with_an_index_of_routes_and_classes() {
    let found = routes(&[
        (
            "index.js",
            "const express = require('express');\nconst app = express();\nconst routes = require('./routes');\napp.use('/api', routes);\n",
        ),
        (
            "routes/index.js",
            "const router = require('express').Router();\nconst books = require('./book.routes');\nrouter.use('/books', books);\nmodule.exports = router;\n",
        ),
        (
            "routes/book.routes.js",
            "const { Router } = require('express');\nconst router = Router();\nrouter.get('/', list);\nmodule.exports = router;\n",
        ),
        (
            "src/user.route.ts",
            "export class UserRoute {\n  public router = Router();\n  constructor() { this.init(); }\n  private init() {\n    this.router.get('/users', this.c.all);\n  }\n}\n",
        ),
        ("src/old.js", "module.exports = (app) => {\n  app.post('/signup', h);\n};\n"),
    ]);
    assert_eq!(found, ["GET /api/books", "GET /users", "POST /signup"]);
}

#[test]
fn express_routers_as_chains() {
    let found = routes(&[
        ("src/main.ts", "import routes from './routes/routes';\nconst app = express();\napp.use(routes);\n"),
        (
            "src/routes/routes.ts",
            "import { Router } from 'express';\nimport tags from './tag';\nconst api = Router().use(tags);\nexport default Router().use('/api', api);\n",
        ),
        ("src/routes/tag.ts", "const router = Router();\nrouter.get('/tags', all);\nexport default router;\n"),
    ]);
    assert_eq!(found, ["GET /api/tags"]);
}

#[test]
fn fastify_plugins_and_declarations() {
    let found = routes(&[
        (
            "src/server.ts",
            "const app = Fastify({ logger: true });\napp.register(bookRoutes, { prefix: '/api/books' });\nawait app.register(import('./auth.js'), { prefix: '/auth' });\napp.register(async (v1) => {\n  v1.get('/ping', async () => 'pong');\n}, { prefix: '/v1' });\nimport { bookRoutes } from './books';\n",
        ),
        (
            "src/books.ts",
            "export async function bookRoutes(fastify: FastifyInstance) {\n  fastify.get<{ Params: P }>('/:id', { schema }, async (r) => r);\n  fastify.route({ method: ['PUT', 'PATCH'], url: '/:id', handler });\n}\n",
        ),
        (
            "src/auth.ts",
            "const plugin: FastifyPluginAsync = async (f) => {\n  f.post('/login', async () => {});\n};\nexport default plugin;\n",
        ),
    ]);
    assert_eq!(
        found,
        ["GET /api/books/{id}", "GET /v1/ping", "PATCH /api/books/{id}", "POST /auth/login", "PUT /api/books/{id}"]
    );
}

#[test]
fn nestjs_with_a_prefix_and_versions() {
    let found = routes(&[
        (
            "src/main.ts",
            "const app = await NestFactory.create(AppModule);\napp.setGlobalPrefix('api');\napp.enableVersioning({ type: VersioningType.URI, defaultVersion: '1' });\n",
        ),
        (
            "src/books/books.controller.ts",
            "@ApiTags('books')\n@Controller('books')\nexport class BooksController {\n  constructor(private readonly s: Service) {}\n  @Post()\n  @UseGuards(Guard)\n  create(@Body() dto: Dto) { return this.s.create(dto); }\n  @Get(':id')\n  one(@Param('id') id: string): Promise<Book> { return x; }\n}\n@Controller({ path: 'auth', version: '2' })\nexport class AuthController {\n  @HttpCode(200)\n  @Post('login')\n  login() {}\n}\n",
        ),
    ]);
    assert_eq!(found, ["GET /api/v1/books/{id}", "POST /api/v1/books", "POST /api/v2/auth/login"]);
}

#[test]
fn spring_controllers() {
    let found = routes(&[
        ("src/main/resources/application.yml", "server:\n  servlet:\n    context-path: /shop\n"),
        (
            "src/main/java/a/BookController.java",
            "@RestController\n@RequestMapping(\"/api/books\")\npublic class BookController {\n  private final S s;\n  @GetMapping\n  public List<Book> all(@RequestParam(defaultValue = \"0\") int page) { return s.all(); }\n  @PutMapping(value = \"/{id}\", consumes = \"application/json\")\n  public Book put(@PathVariable Long id) { return null; }\n  @RequestMapping(value = \"/old\", method = RequestMethod.POST)\n  public void old() {}\n  @DeleteMapping(\"/{id}\") public void del() {}\n}\n",
        ),
        (
            "src/main/kotlin/B.kt",
            "@RestController\nclass B {\n  @PostMapping(\"/login\")\n  fun login(@RequestBody b: L): T = s.login(b)\n}\n",
        ),
    ]);
    assert_eq!(
        found,
        [
            "DELETE /shop/api/books/{id}",
            "GET /shop/api/books",
            "POST /shop/api/books/old",
            "POST /shop/login",
            "PUT /shop/api/books/{id}"
        ]
    );
}

#[test]
fn gin_groups_given_to_other_packages() {
    let found = routes(&[
        (
            "main.go",
            "func main() {\n r := gin.Default()\n api := r.Group(\"/api/v1\")\n {\n  api.GET(\"/ping\", ping)\n }\n routes.RegisterBooks(api, db)\n h.Register(api.Group(\"/orders\"))\n resp, _ := http.Get(\"/x\")\n}\n",
        ),
        (
            "routes/books.go",
            "func RegisterBooks(rg *gin.RouterGroup, db *sql.DB) {\n books := rg.Group(\"/books\")\n books.GET(\"\", list)\n books.POST(\"/\", auth, create)\n books.GET(\"/:id\", get)\n}\n",
        ),
        ("orders/handler.go", "func (h *Handler) Register(g *gin.RouterGroup) {\n g.POST(\"\", h.create)\n}\n"),
    ]);
    assert_eq!(
        found,
        [
            "GET /api/v1/books",
            "GET /api/v1/books/{id}",
            "GET /api/v1/ping",
            "POST /api/v1/books/",
            "POST /api/v1/orders"
        ]
    );
}

#[test]
fn echo_chi_and_the_standard_library() {
    let found = routes(&[
        (
            "echo.go",
            "func New() *echo.Echo {\n e := echo.New()\n e.POST(\"/login\", login)\n g := e.Group(\"/books\", mw)\n g.DELETE(\"/:id\", del)\n return e\n}\n",
        ),
        (
            "chi.go",
            "func Chi() http.Handler {\n r := chi.NewRouter()\n r.Route(\"/api\", func(r chi.Router) {\n  r.Get(\"/books\", list)\n  r.Group(func(r chi.Router) {\n   r.Use(auth)\n   r.Post(\"/books\", create)\n  })\n  r.Mount(\"/users\", usersRouter())\n })\n return r\n}\nfunc usersRouter() chi.Router {\n r := chi.NewRouter()\n r.Get(\"/{id}\", get)\n return r\n}\n",
        ),
        ("std.go", "func Std() {\n mux := http.NewServeMux()\n mux.HandleFunc(\"PUT /things/{id}\", h)\n}\n"),
        (
            "mux.go",
            "func M() {\n r := mux.NewRouter()\n s := r.PathPrefix(\"/m\").Subrouter()\n s.HandleFunc(\"/x\", h).Methods(http.MethodPatch)\n}\n",
        ),
    ]);
    assert_eq!(
        found,
        [
            "DELETE /books/{id}",
            "GET /api/books",
            "GET /api/users/{id}",
            "PATCH /m/x",
            "POST /api/books",
            "POST /login",
            "PUT /things/{id}"
        ]
    );
}

#[test]
fn laravel_groups_and_resources() {
    let found = routes(&[(
        "routes/api.php",
        "<?php\nuse App\\Http\\Controllers\\BookController;\nRoute::post('/login', [AuthController::class, 'login']);\nRoute::prefix('v1')->middleware('auth:sanctum')->group(function () {\n  Route::apiResource('books', BookController::class)->except(['destroy']);\n  Route::group(['prefix' => 'me'], function () {\n    Route::get('orders/{order}', fn () => 1);\n  });\n});\n",
    )]);
    assert_eq!(
        found,
        [
            "GET /api/v1/books",
            "GET /api/v1/books/{id}",
            "GET /api/v1/me/orders/{order}",
            "PATCH /api/v1/books/{id}",
            "POST /api/login",
            "POST /api/v1/books",
            "PUT /api/v1/books/{id}"
        ]
    );
}

#[test]
fn rails_namespaces_and_resources() {
    let found = routes(&[(
        "config/routes.rb",
        "Rails.application.routes.draw do\n  namespace :api do\n    namespace :v1 do\n      post 'login', to: 'sessions#create'\n      resources :books, only: %i[index show] do\n        member do\n          post :buy\n        end\n        resources :reviews, only: [:create]\n      end\n      resource :profile, only: [:show]\n    end\n  end\n  get '/up' => 'health#show'\nend\n",
    )]);
    assert_eq!(
        found,
        [
            "GET /api/v1/books",
            "GET /api/v1/books/{id}",
            "GET /api/v1/profile",
            "GET /up",
            "POST /api/v1/books/{book_id}/reviews",
            "POST /api/v1/books/{id}/buy",
            "POST /api/v1/login"
        ]
    );
}

#[test]
fn axum_nests_and_merges() {
    let found = routes(&[
        (
            "src/main.rs",
            "mod books;\nfn app(state: S) -> Router {\n    let api = Router::new().nest(\"/books\", books::router()).route(\"/login\", post(login));\n    Router::new().nest(\"/api/v1\", api).merge(health()).with_state(state)\n}\nfn health() -> Router { Router::new().route(\"/health\", get(|| async { \"ok\" })) }\n",
        ),
        (
            "src/books.rs",
            "pub fn router() -> Router<S> {\n    Router::new()\n        .route(\"/\", get(list).post(create))\n        .route(\"/{id}\", routing::get(one).delete(del))\n}\n",
        ),
    ]);
    assert_eq!(
        found,
        [
            "DELETE /api/v1/books/{id}",
            "GET /api/v1/books",
            "GET /api/v1/books/{id}",
            "GET /health",
            "POST /api/v1/books",
            "POST /api/v1/login"
        ]
    );
}

#[test]
fn actix_scopes_and_configured_services() {
    let found = routes(&[
        (
            "src/main.rs",
            "HttpServer::new(move || {\n  App::new().service(web::scope(\"/api\").configure(books::config).service(login))\n})\n#[post(\"/login\")]\nasync fn login() -> impl Responder {}\n",
        ),
        (
            "src/books.rs",
            "pub fn config(cfg: &mut web::ServiceConfig) {\n  cfg.service(web::scope(\"/books\").service(list).route(\"/{id}\", web::put().to(put)));\n  cfg.service(web::resource(\"/orders\").route(web::post().to(place)));\n}\n#[get(\"\")]\nasync fn list() {}\n",
        ),
    ]);
    assert_eq!(found, ["GET /api/books", "POST /api/login", "POST /api/orders", "PUT /api/books/{id}"]);
}

#[test]
fn hostile_sources_take_no_time_and_do_no_harm() {
    let nested = "app.use('/a', ".repeat(20_000);
    let many = "const a = express();\n".repeat(20_000);
    let cycle = "a.use(b); b.use(a); const a = Router(); const b = Router(); a.get('/x', h);";
    let began = std::time::Instant::now();
    for (path, text) in [
        ("a.js", nested.as_str()),
        ("b.js", many.as_str()),
        ("c.js", cycle),
        ("d.py", &"@a.get(".repeat(20_000)),
        ("e.rs", &".route(\"/x\", get(x))".repeat(10_000)),
        ("f.go", &"r.Group(\"/x\", ".replace(", ", ")\n").repeat(10_000)),
        ("config/routes.rb", &"resources :a do\n".repeat(10_000)),
        ("routes/api.php", &"Route::group(function(){\n".repeat(10_000)),
        ("h.rs", &format!("{}{}", "#[post(\"/x\")] fn a(".repeat(10_000), ")".repeat(10_000))),
        ("i.rs", &format!("{}{}", "struct A { #[b(c)] d: ".repeat(10_000), "}".repeat(10_000))),
        ("g.java", &"@Controller class A {\n@Get(\n".repeat(10_000)),
        (
            "j.java",
            &format!(
                "{}{}",
                "class A { @PostMapping @B(c) int d(@RequestBody A a, ".repeat(10_000),
                "}".repeat(10_000)
            ),
        ),
        ("k.java", &"record A(@B List<".repeat(10_000)),
        ("l.go", &"func a() { var x struct { Y struct {\n c.Bind(&x)\n".repeat(10_000)),
        (
            "n.js",
            &format!(
                "{}function h(req) {{ {} }}",
                "a.post('/x', h);".repeat(10_000),
                "const a = req.body; const { b, c, d } = a; a.e = !req.body.f;".repeat(1_000)
            ),
        ),
        ("m.go", &"type A struct {\n".repeat(10_000)),
    ] {
        routes(&[(path, text)]);
    }
    assert!(began.elapsed() < std::time::Duration::from_secs(60), "{:?}", began.elapsed());
}
