//! The agent door: a Model Context Protocol server over standard input and output.
//!
//! Each tool is a verb of the command line, asked for JSON in a process of its own: an agent gets the typed answers that people and
//! scripts get, a fault or a question that takes too long ends with that process, and no tool has a flag that shows secrets.

mod answer;
mod asking;
mod lines;
mod next;
mod page;
mod tools;
mod words;

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, CustomRequest, CustomResult,
    ErrorCode, Implementation, ListToolsResult, PaginatedRequestParams, ServerCapabilities,
    ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::service::ServerInitializeError;
use rmcp::{ErrorData, RoleServer, ServerHandler, ServiceExt};
use serde_json::{Map, Value, json};

use answer::Answered;
use lines::Lines;
use page::Cursor;
use tools::{AgentTool, QUESTIONS, object};

/// Time for one answer.
const ANSWER_TIME: Duration = Duration::from_secs(300);

/// The environment variable of the programs that answer, with the key of the fingerprints.
pub const FINGERPRINT_KEY: &str = "ETCD_INSPECT_SESSION_KEY";

/// Answers that are kept for their next part.
const KEPT_ANSWERS: usize = 4;

/// What an agent asks.
#[derive(Clone, Debug)]
pub struct Agent {
    /// The program whose verbs answer.
    pub program: PathBuf,
    /// Names and paths of the evidence.
    pub sources: Vec<(String, PathBuf)>,
    /// Flags that every question has, such as those of keys for encrypted values.
    pub flags: Vec<String>,
    /// Key of the fingerprints of masked values, in hexadecimal: all answers of one session have the same.
    pub fingerprint_key: String,
    kept: Arc<Mutex<KeptAnswers>>,
}

/// Answers with the words that were asked.
type KeptAnswers = Vec<(Vec<String>, Arc<Answered>)>;

/// Methods of the protocol that this server has: a request for one of them that is none has wrong parameters.
const METHODS: [&str; 4] = ["initialize", "ping", "tools/list", "tools/call"];

/// Answers an agent on standard input and output until it closes them.
///
/// # Errors
/// The streams fail, or no agent speaks the protocol on them.
pub fn answer_agent(agent: Agent) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let ended = runtime.block_on(async {
        let running = match agent
            .serve(Lines::new(
                tokio::io::BufReader::new(tokio::io::stdin()),
                tokio::io::stdout(),
            ))
            .await
        {
            // Standard input ended before the first message: nothing was asked.
            Err(ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
            running => running.map_err(std::io::Error::other)?,
        };
        let ended = running.waiting().await;
        ended.map(|_| ()).map_err(std::io::Error::other)
    });
    runtime.shutdown_timeout(Duration::from_millis(100));
    ended
}

impl Agent {
    /// Over evidence.
    pub fn new(
        program: PathBuf,
        sources: Vec<(String, PathBuf)>,
        flags: Vec<String>,
        fingerprint_key: String,
    ) -> Self {
        Self {
            program,
            sources,
            flags,
            fingerprint_key,
            kept: Arc::default(),
        }
    }

    async fn ask(&self, request: CallToolRequestParams) -> Result<CallToolResult, ErrorData> {
        let wrong = |message: String| ErrorData::invalid_params(message, None);
        let question = AgentTool::named(&request.name)
            .ok_or_else(|| wrong(format!("there is no tool {:?}", request.name)))?;
        let arguments = request.arguments.unwrap_or_default();
        let path = self.path(&arguments).map_err(wrong)?;
        let mut words = question.command(&arguments, &path).map_err(wrong)?;
        let flags = words.iter().position(|word| word == "--").unwrap_or(0);
        words.splice(flags..flags, self.flags.iter().cloned());
        let from = cursor(&arguments).map_err(wrong)?;
        let kept = self.kept(&words).filter(|_| from != Cursor::default());
        let answered = match kept {
            Some(kept) => kept,
            None => self
                .run(&words)
                .await
                .map_err(|error| ErrorData::internal_error(error.to_string(), None))?,
        };
        let part = answered.part(from);
        let part = part.ok_or_else(|| {
            wrong("the answer ends before the cursor: begin without one".to_owned())
        })?;
        Ok(match answered.is_answer() {
            true => CallToolResult::structured(part),
            false => CallToolResult::structured_error(part),
        })
    }

    fn path(&self, arguments: &Map<String, Value>) -> Result<String, String> {
        let given = arguments.get("source").filter(|given| !given.is_null());
        let found = match given.map(|given| given.as_str().ok_or(given)) {
            None => self.sources.first(),
            Some(Ok(name)) => self.sources.iter().find(|(source, _)| source == name),
            Some(Err(given)) => return Err(format!("source is a string, not {given}")),
        };
        let names: Vec<&str> = self.sources.iter().map(|(name, _)| name.as_str()).collect();
        let (_, path) =
            found.ok_or_else(|| format!("no such source; there are: {}", names.join(", ")))?;
        path.to_str()
            .map(str::to_owned)
            .ok_or_else(|| "the path of the evidence is not UTF-8".to_owned())
    }

    fn kept(&self, words: &[String]) -> Option<Arc<Answered>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter()
            .find(|(asked, _)| asked == words)
            .map(|(_, answered)| Arc::clone(answered))
    }

    async fn run(&self, words: &[String]) -> std::io::Result<Arc<Answered>> {
        let mut command = tokio::process::Command::new(&self.program);
        command.args(words).stdin(Stdio::null()).kill_on_drop(true);
        command.env(FINGERPRINT_KEY, &self.fingerprint_key);
        let output = tokio::time::timeout(ANSWER_TIME, command.output()).await;
        let output = output.map_err(|_| std::io::Error::other("the question took too long"))??;
        let answered = Arc::new(Answered::read(&output, &self.sources));
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(asked, _)| asked != words);
        kept.truncate(KEPT_ANSWERS.saturating_sub(1));
        kept.insert(0, (words.to_vec(), Arc::clone(&answered)));
        Ok(answered)
    }
}

/// The position that the arguments name.
fn cursor(arguments: &Map<String, Value>) -> Result<Cursor, String> {
    let Some(given) = arguments.get("cursor").filter(|given| !given.is_null()) else {
        return Ok(Cursor::default());
    };
    let parsed = given.as_str().and_then(Cursor::parse);
    parsed.ok_or_else(|| format!("{given} is no cursor of this server"))
}

impl ServerHandler for Agent {
    fn get_info(&self) -> ServerConfig {
        let names: Vec<&str> = self.sources.iter().map(|(name, _)| name.as_str()).collect();
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("etcd-inspect", env!("CARGO_PKG_VERSION")))
            .with_instructions(format!(
                "Reads copied etcd data directories and never changes them. Sources: {}. Secrets are masked; equal fingerprints (fp) of masked values are equal values, within this session only. Begin with status. \
                 `next` of an answer has the calls that lead further; `partial` says that the evidence is damaged or the answer is cut; \
                 with `nextCursor`, ask again with it as `cursor` for the rest.",
                names.join(", ")
            ))
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let output = object(
            json!({ "type": "object", "required": ["answer", "exit", "partial"], "properties": {
            "answer": { "type": "object", "description": "the typed answer; `schema` names its form; `next` in it has calls of tools, or lines for a person" },
            "exit": { "type": ["integer", "null"], "description": "0 fine, 1 not found, differs or findings, 2 bad question, 3 answered in part" },
            "partial": { "type": "boolean", "description": "the evidence could not be read completely: what is missing here may exist" },
            "damage": { "type": "string", "description": "what could not be read" },
            "next": { "type": "array", "items": { "type": "object" }, "description": "calls that lead further: tool and arguments" },
            "notes": { "type": "array", "items": { "type": "string" } },
            "begins": { "type": "string", "description": "where in the whole answer this part begins: a JSON pointer" },
            "nextCursor": { "type": "string", "description": "present if the answer goes on: ask again with it as `cursor`" } } }),
        );
        let output = Arc::new(output);
        let tools = QUESTIONS.iter().map(|question| {
            let mut tool = Tool::new(
                question.name,
                question.description,
                Arc::new(question.schema()),
            );
            tool.output_schema = Some(Arc::clone(&output));
            tool
        });
        Ok(ListToolsResult::with_all_items(tools.collect()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        self.ask(request).await.map(Into::into)
    }

    /// Requests that are none of the protocol, or whose parameters are not those of their method.
    async fn on_custom_request(
        &self,
        request: CustomRequest,
        _context: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        let method = request.method;
        if METHODS.contains(&method.as_str()) {
            let message = format!("the parameters are not those of {method}");
            return Err(ErrorData::invalid_params(message, None));
        }
        let message = format!("there is no method {method:?}");
        Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, message, None))
    }
}
