//! Which tool asks what a command of ours asks.

use serde_json::{Map, Value, json};

use super::tools::{AgentTool, ArgumentForm, QUESTIONS};

/// Short flags of our commands, and the long ones of the parameters.
const LONG: [(&str, &str); 5] = [
    ("-d", "--data-dir"),
    ("-n", "--namespace"),
    ("-A", "--all-namespaces"),
    ("-l", "--selector"),
    ("-F", "--fixed"),
];

/// A tool, its arguments, and the evidence if the command names one.
pub type AskedTool = (&'static AgentTool, Map<String, Value>, Option<String>);

/// The tool that asks what the words of a command ask; `None`: none does, or the evidence is not one of ours.
pub fn asking(words: &[String], is_ours: impl Fn(&str) -> bool) -> Option<AskedTool> {
    let (verb, rest) = words.split_first()?;
    let fits = |tool: &&AgentTool| {
        let (own, fixed) = tool.verb.split_first().unwrap_or((&"", &[]));
        own == verb
            && fixed
                .iter()
                .all(|flag| rest.iter().any(|word| word == flag))
    };
    let tool = QUESTIONS
        .iter()
        .filter(fits)
        .max_by_key(|tool| tool.verb.len())?;
    let mut command = Command::default();
    let mut rest = rest
        .iter()
        .filter(|word| !tool.verb.contains(&word.as_str()));
    while let Some(word) = rest.next() {
        command.read(tool, word, &mut rest)?;
    }
    let (paths, operands): (Vec<String>, Vec<String>) =
        command.operands.into_iter().partition(|word| is_ours(word));
    let mut paths = command.path.into_iter().chain(paths);
    let path = paths.next();
    if path.as_deref().is_some_and(|path| !is_ours(path)) || paths.next().is_some() {
        return None;
    }
    let mut arguments = command.arguments;
    let mut parameters = tool.parameters.iter();
    let named = parameters.find(|parameter| matches!(parameter.form, ArgumentForm::Word));
    match (operands.as_slice(), named) {
        ([], _) => {}
        ([only], Some(parameter)) => {
            arguments.insert(parameter.name.to_owned(), json!(only));
        }
        _ => return None,
    }
    let mut needed = tool
        .parameters
        .iter()
        .filter(|parameter| parameter.is_needed);
    let is_whole = needed.all(|parameter| arguments.contains_key(parameter.name));
    is_whole.then_some((tool, arguments, path))
}

/// What was read of a command.
#[derive(Default)]
struct Command {
    arguments: Map<String, Value>,
    operands: Vec<String>,
    path: Option<String>,
}

impl Command {
    /// Reads a word, and the next if that is its value; `None`: the tool has no parameter for it.
    fn read<'w>(
        &mut self,
        tool: &AgentTool,
        word: &str,
        rest: &mut impl Iterator<Item = &'w String>,
    ) -> Option<()> {
        if word == "--" {
            self.operands.extend(rest.cloned());
            return Some(());
        }
        if !word.starts_with('-') {
            self.operands.push(word.to_owned());
            return Some(());
        }
        let (flag, given) = match word.split_once('=') {
            Some((flag, value)) => (flag, Some(value.to_owned())),
            None => (word, None),
        };
        let long = LONG.iter().find(|(short, _)| *short == flag);
        let flag = long.map_or(flag, |(_, long)| long);
        let mut value = || given.clone().or_else(|| rest.next().cloned());
        if flag == "--data-dir" {
            self.path = Some(value()?);
            return Some(());
        }
        let mut parameters = tool.parameters.iter();
        let parameter = parameters.find(|parameter| parameter.form.flag() == Some(flag))?;
        let value = match parameter.form {
            ArgumentForm::Flag(_) if given.is_some() => return None,
            ArgumentForm::Flag(_) => json!(true),
            ArgumentForm::Number(_) => json!(value()?.parse::<i64>().ok()?),
            ArgumentForm::Text(_) | ArgumentForm::Word => json!(value()?),
        };
        self.arguments.insert(parameter.name.to_owned(), value);
        Some(())
    }
}
