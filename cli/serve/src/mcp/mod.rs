//! The agent door: a Model Context Protocol server over standard input and output.
//!
//! Each tool is a verb of the command line, asked for JSON in a process of its own: an agent gets the typed answers that people and
//! scripts get, a fault or a question that takes too long ends with that process, and no tool has a flag that shows secrets.

mod page;
mod tools;

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, Implementation, ListToolsResult,
    PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::service::ServerInitializeError;
use rmcp::{ErrorData, RoleServer, ServerHandler, ServiceExt};
use serde_json::{Map, Value, json};

use page::part;
use tools::{AgentTool, QUESTIONS, object};

/// Time for one answer.
const ANSWER_TIME: Duration = Duration::from_secs(300);

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
    kept: Arc<Mutex<KeptAnswers>>,
}

/// Answers with the words that were asked.
type KeptAnswers = Vec<(Vec<String>, Answered)>;

/// What a verb answered.
#[derive(Clone, Debug)]
struct Answered {
    answer: Value,
    exit: Option<i32>,
    notes: String,
}

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
        let running = match agent.serve(rmcp::transport::stdio()).await {
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
    pub fn new(program: PathBuf, sources: Vec<(String, PathBuf)>, flags: Vec<String>) -> Self {
        Self {
            program,
            sources,
            flags,
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
        let from = match arguments.get("cursor").and_then(Value::as_str) {
            Some(cursor) => cursor
                .parse()
                .map_err(|_| wrong(format!("{cursor:?} is no cursor of this server")))?,
            None => 0,
        };
        let answered = match self.kept(&words).filter(|_| from > 0) {
            Some(kept) => kept,
            None => self
                .run(&words)
                .await
                .map_err(|error| ErrorData::internal_error(error.to_string(), None))?,
        };
        let part = part(answered.answer, from);
        let mut result = json!({ "answer": part.answer, "exit": answered.exit });
        if let Some(fields) = result.as_object_mut() {
            if let Some(next) = part.next {
                fields.insert("nextCursor".to_owned(), json!(next.to_string()));
            }
            if !answered.notes.is_empty() {
                fields.insert("notes".to_owned(), json!(answered.notes));
            }
        }
        Ok(match answered.exit {
            Some(0 | 1 | 3) => CallToolResult::structured(result),
            _ => CallToolResult::structured_error(result),
        })
    }

    fn path(&self, arguments: &Map<String, Value>) -> Result<String, String> {
        let found = match arguments.get("source").and_then(Value::as_str) {
            None => self.sources.first(),
            Some(name) => self.sources.iter().find(|(source, _)| source == name),
        };
        let names: Vec<&str> = self.sources.iter().map(|(name, _)| name.as_str()).collect();
        let (_, path) =
            found.ok_or_else(|| format!("no such source; there are: {}", names.join(", ")))?;
        path.to_str()
            .map(str::to_owned)
            .ok_or_else(|| "the path of the evidence is not UTF-8".to_owned())
    }

    fn kept(&self, words: &[String]) -> Option<Answered> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter()
            .find(|(asked, _)| asked == words)
            .map(|(_, answered)| answered.clone())
    }

    async fn run(&self, words: &[String]) -> std::io::Result<Answered> {
        let mut command = tokio::process::Command::new(&self.program);
        command.args(words).stdin(Stdio::null()).kill_on_drop(true);
        let output = tokio::time::timeout(ANSWER_TIME, command.output()).await;
        let output = output.map_err(|_| std::io::Error::other("the question took too long"))??;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let answer = serde_json::from_slice(&output.stdout);
        let answer = answer.unwrap_or_else(|_| json!({ "text": text(&output.stdout) }));
        let answer = match answer {
            Value::Array(rows) => json!({ "rows": rows }),
            answer => answer,
        };
        let answered = Answered {
            answer,
            exit: output.status.code(),
            notes: text(&output.stderr).chars().take(4000).collect(),
        };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(asked, _)| asked != words);
        kept.truncate(KEPT_ANSWERS.saturating_sub(1));
        kept.insert(0, (words.to_vec(), answered.clone()));
        Ok(answered)
    }
}

impl ServerHandler for Agent {
    fn get_info(&self) -> ServerConfig {
        let names: Vec<&str> = self.sources.iter().map(|(name, _)| name.as_str()).collect();
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("etcd-inspect", env!("CARGO_PKG_VERSION")))
            .with_instructions(format!(
                "Reads copied etcd data directories and never changes them. Sources: {}. Secrets are masked. Begin with status.",
                names.join(", ")
            ))
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let output = object(
            json!({ "type": "object", "required": ["answer"], "properties": {
            "answer": { "type": "object", "description": "the typed answer; `schema` names its form" },
            "exit": { "type": ["integer", "null"], "description": "0 fine, 1 not found, differs or findings, 2 bad question, 3 answered in part" },
            "notes": { "type": "string" },
            "nextCursor": { "type": "string", "description": "present if there are more rows" } } }),
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
}
