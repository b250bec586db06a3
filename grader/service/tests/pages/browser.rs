//! Debian's Chromium, headless, driven through its driver by the WebDriver protocol (W3C) and the few commands of
//! Chromium's own that ask for another look.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, Command, Stdio};

use base64::Engine as _;
use serde_json::{Value, json};

/// A browser window.
pub(crate) struct Browser {
    driver: Child,
    client: reqwest::Client,
    session: String,
}

impl Browser {
    /// # Panics
    /// Without Debian's `chromium` and `chromium-driver` (`cargo xtask setup` installs them).
    pub(crate) async fn open() -> Self {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver starts; `cargo xtask setup` installs it");
        let mut said = BufReader::new(driver.stdout.take().unwrap());
        let port = loop {
            let mut line = String::new();
            assert!(said.read_line(&mut line).unwrap() > 0, "chromedriver ended before it listened");
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                break port.trim_end().trim_end_matches('.').parse::<u16>().unwrap();
            }
        };
        // It goes on talking; a full pipe would stop it.
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut browser = Browser { driver, client, session: format!("http://127.0.0.1:{port}/session") };
        let arguments = [
            "--headless=new",
            // A sandbox needs a user that is not root; what is shown is our own.
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--no-first-run",
            "--no-proxy-server",
            "--force-color-profile=srgb",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        ];
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": {"args": arguments},
            "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let session = browser.send("", wanted).await;
        browser.session = format!("{}/{}", browser.session, session["sessionId"].as_str().expect("a session"));
        browser
    }

    async fn send(&self, command: &str, body: Value) -> Value {
        self.try_send(command, body).await.unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    /// `Err` with the driver's own words when it could not do it.
    async fn try_send(&self, command: &str, body: Value) -> Result<Value, Value> {
        let answer = self.client.post(format!("{}{command}", self.session)).json(&body).send().await.unwrap();
        let mut answer: Value = answer.json().await.unwrap();
        let value = answer["value"].take();
        if value.get("error").is_some() { Err(value) } else { Ok(value) }
    }

    pub(crate) async fn go(&self, url: &str) {
        self.send("/url", json!({"url": url})).await;
    }

    /// What a script returns, whose body it is.
    pub(crate) async fn script(&self, script: &str) -> Value {
        self.send("/execute/sync", json!({"script": script, "args": []})).await
    }

    /// Waits until a condition, a script's body, is true. A page that is just being left has no document, or one
    /// without a body: a script that fails is one that is not true yet.
    ///
    /// # Panics
    /// After half a minute, with what the script said last.
    pub(crate) async fn settled(&self, condition: &str) {
        let end = tokio::time::Instant::now() + std::time::Duration::from_secs(30);
        loop {
            let said = self.try_send("/execute/sync", json!({"script": condition, "args": []})).await;
            if said == Ok(Value::Bool(true)) {
                return;
            }
            assert!(tokio::time::Instant::now() < end, "does not become true: {condition}: {said:?}");
            tokio::time::sleep(std::time::Duration::from_millis(25)).await;
        }
    }

    /// What a script hands on, which calls `arguments[0]` with what it found.
    pub(crate) async fn script_that_waits(&self, script: &str) -> Value {
        self.send("/execute/async", json!({"script": script, "args": []})).await
    }

    /// A command of Chromium's own protocol.
    async fn devtools(&self, command: &str, parameters: Value) -> Value {
        self.send("/goog/cdp/execute", json!({"cmd": command, "params": parameters})).await
    }

    /// `light` or `dark`.
    pub(crate) async fn scheme(&self, scheme: &str) {
        let feature = json!({"name": "prefers-color-scheme", "value": scheme});
        self.devtools("Emulation.setEmulatedMedia", json!({"features": [feature]})).await;
    }

    /// The window's width in CSS pixels; a phone's below 600.
    pub(crate) async fn width(&self, width: u32) {
        let size = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600});
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// Whether pages may run scripts.
    pub(crate) async fn scripts(&self, on: bool) {
        self.devtools("Emulation.setScriptExecutionDisabled", json!({"value": !on})).await;
    }

    /// The page as PNG, down to `height` at most.
    pub(crate) async fn picture(&self, width: u32, height: u32) -> Vec<u8> {
        let whole = self.script("return document.documentElement.scrollHeight").await.as_u64().unwrap_or(900);
        let height = whole.min(u64::from(height));
        let clip = json!({"x": 0, "y": 0, "width": width, "height": height, "scale": 1});
        let shot = json!({"format": "png", "captureBeyondViewport": true, "clip": clip});
        let taken = self.devtools("Page.captureScreenshot", shot).await;
        base64::engine::general_purpose::STANDARD.decode(taken["data"].as_str().unwrap()).unwrap()
    }

    /// What the console holds since it was last asked: mistakes of scripts, and whatever the policy stopped.
    pub(crate) async fn console(&self) -> Vec<String> {
        let lines = self.send("/se/log", json!({"type": "browser"})).await;
        lines
            .as_array()
            .into_iter()
            .flatten()
            .map(|line| line["message"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    /// Presses keys, as a person at the keyboard.
    pub(crate) async fn press(&self, keys: &str) {
        let one = |key: char| [json!({"type": "keyDown", "value": key}), json!({"type": "keyUp", "value": key})];
        let actions: Vec<Value> = keys.chars().flat_map(one).collect();
        self.send("/actions", json!({"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})).await;
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Ending the session ends the browser; a driver that is only killed leaves it behind.
        let _ = self.end_session();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

impl Browser {
    /// By hand, since what drops a value cannot wait for an answer in any other way.
    fn end_session(&self) -> std::io::Result<()> {
        let url: url::Url = self.session.parse().map_err(std::io::Error::other)?;
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", url.port().unwrap_or(0)))?;
        stream.set_read_timeout(Some(std::time::Duration::from_secs(20)))?;
        write!(stream, "DELETE {} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n", url.path())?;
        // The driver keeps the connection open whatever it is asked: the answer's beginning is the end of the session.
        stream.read_exact(&mut [0; "HTTP/1.1 200".len()])?;
        Ok(())
    }
}
