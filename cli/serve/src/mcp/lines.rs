//! Messages over standard input and output, one in each line. What is no message is answered with the error that JSON-RPC has for it.
//!
//! The transport of `rmcp` ignores a line that is not JSON: a client that waits for its answer would wait for ever.

use std::sync::Arc;

use rmcp::RoleServer;
use rmcp::model::{ClientJsonRpcMessage, ErrorCode, ServerJsonRpcMessage};
use rmcp::transport::Transport;
use serde_json::{Value, json};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Mutex;

/// Maximum size of a message.
const MAX_LINE: usize = 1 << 20;

/// Both streams.
#[derive(Debug)]
pub struct Lines<R, W> {
    input: R,
    /// What of a line has arrived: a read that is given up continues here.
    line: Vec<u8>,
    /// Whether the rest of the line is skipped, because it is too long.
    is_skipping: bool,
    output: Arc<Mutex<W>>,
}

impl<R, W> Lines<R, W> {
    /// Over two streams.
    pub fn new(input: R, output: W) -> Self {
        Self {
            input,
            line: Vec::new(),
            is_skipping: false,
            output: Arc::new(Mutex::new(output)),
        }
    }
}

impl<R: AsyncBufRead + Unpin, W: AsyncWrite + Unpin + Send + 'static> Lines<R, W> {
    /// The next line; an error: it is longer than a message may be. `None` at the end of the input.
    async fn line(&mut self) -> Option<Result<Vec<u8>, ()>> {
        loop {
            let available = self.input.fill_buf().await.ok()?;
            if available.is_empty() {
                return None;
            }
            let end = available.iter().position(|byte| *byte == b'\n');
            let len = end.map_or(available.len(), |end| end.saturating_add(1));
            let is_too_long = self.line.len().saturating_add(len) > MAX_LINE;
            if is_too_long {
                self.is_skipping = true;
                self.line.clear();
            }
            if !self.is_skipping {
                self.line.extend(available.iter().take(len));
            }
            self.input.consume(len);
            if end.is_some() {
                let line = std::mem::take(&mut self.line);
                return Some(match std::mem::take(&mut self.is_skipping) {
                    true => Err(()),
                    false => Ok(line),
                });
            }
        }
    }

    /// Sends an error that answers no request, or the one with this id.
    fn refuse(&self, id: &Value, code: ErrorCode, message: &str) {
        let error =
            json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code.0, "message": message } });
        let output = Arc::clone(&self.output);
        // In a task of its own: the service may give up waiting for the next message, and half a line would be left.
        tokio::spawn(async move { write(&output, error.to_string()).await });
    }
}

async fn write<W: AsyncWrite + Unpin>(output: &Mutex<W>, mut line: String) -> std::io::Result<()> {
    line.push('\n');
    let mut output = output.lock().await;
    output.write_all(line.as_bytes()).await?;
    output.flush().await
}

impl<R, W> Transport<RoleServer> for Lines<R, W>
where
    R: AsyncBufRead + Unpin + Send,
    W: AsyncWrite + Unpin + Send + 'static,
{
    type Error = std::io::Error;

    fn send(
        &mut self,
        item: ServerJsonRpcMessage,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        let output = Arc::clone(&self.output);
        async move { write(&output, serde_json::to_string(&item)?).await }
    }

    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        loop {
            let Ok(line) = self.line().await? else {
                let message = format!("a message has at most {MAX_LINE} bytes");
                self.refuse(&Value::Null, ErrorCode::INVALID_REQUEST, &message);
                continue;
            };
            if line.trim_ascii().is_empty() {
                continue;
            }
            match message(&line) {
                Ok(message) => return Some(message),
                Err(refused) => self.refuse(&refused.id, refused.code, &refused.message),
            }
        }
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        self.output.lock().await.flush().await
    }
}

/// Why a line is no message.
#[derive(Debug, PartialEq)]
struct Refused {
    id: Value,
    code: ErrorCode,
    message: String,
}

fn message(line: &[u8]) -> Result<ClientJsonRpcMessage, Refused> {
    let value: Value = serde_json::from_slice(line).map_err(|error| Refused {
        id: Value::Null,
        code: ErrorCode::PARSE_ERROR,
        message: format!("the line is not JSON: {error}"),
    })?;
    let id = value.get("id").filter(|id| id.is_string() || id.is_i64());
    let id = id.cloned().unwrap_or(Value::Null);
    let is_request = value.get("jsonrpc").is_some_and(|version| version == "2.0")
        && value.get("method").is_some_and(Value::is_string)
        && !id.is_null();
    serde_json::from_value(value).map_err(|_| match is_request {
        true => Refused {
            id,
            code: ErrorCode::INVALID_PARAMS,
            message: "the parameters of a method are an object".to_owned(),
        },
        false => Refused {
            id,
            code: ErrorCode::INVALID_REQUEST,
            message: "the line is no message of JSON-RPC 2.0, which has \"jsonrpc\": \"2.0\", a \"method\", and an \"id\" that is a number or a string".to_owned(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_message_is_refused_with_the_code_of_its_fault() {
        for (line, code, id) in [
            ("{\"jsonrpc\": ", ErrorCode::PARSE_ERROR, Value::Null),
            ("\u{feff}x", ErrorCode::PARSE_ERROR, Value::Null),
            ("[]", ErrorCode::INVALID_REQUEST, Value::Null),
            ("{}", ErrorCode::INVALID_REQUEST, Value::Null),
            (
                "{\"jsonrpc\":\"1.0\",\"id\":7,\"method\":\"ping\"}",
                ErrorCode::INVALID_REQUEST,
                json!(7),
            ),
            (
                "{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"method\":5}",
                ErrorCode::INVALID_REQUEST,
                json!("a"),
            ),
            (
                "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"tools/call\",\"params\":[1]}",
                ErrorCode::INVALID_PARAMS,
                json!(3),
            ),
        ] {
            let refused = message(line.as_bytes()).unwrap_err();
            assert_eq!((refused.code, refused.id), (code, id), "{line}");
        }
        assert!(message(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}").is_ok());
    }
}
