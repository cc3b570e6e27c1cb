//! Applies a template to an object.

use serde_json::Value;

use super::parse::{Argument, Branch, Pipeline, TemplateNode};
use super::print::print;
use super::{GoTemplate, GoTemplateError, functions};

/// A value while a template is applied.
#[derive(Clone, Debug)]
pub(super) enum Val<'v> {
    /// A key that a map does not have, and `null`.
    Missing,
    Ref(&'v Value),
    Own(Value),
}

impl<'v> Val<'v> {
    pub(super) fn get(&self) -> Option<&Value> {
        let value = match self {
            Self::Missing => None,
            Self::Ref(value) => Some(*value),
            Self::Own(value) => Some(value),
        };
        value.filter(|value| !value.is_null())
    }

    /// The value at one key or position, borrowed as long as this one is.
    pub(super) fn child(&self, pick: impl Fn(&Value) -> Option<&Value>) -> Self {
        match self {
            Self::Missing => Self::Missing,
            Self::Ref(value) => pick(value).map_or(Self::Missing, Self::Ref),
            Self::Own(value) => pick(value).map_or(Self::Missing, |child| Self::Own(child.clone())),
        }
    }

    /// Go's truth: not empty and not zero.
    pub(super) fn is_true(&self) -> bool {
        match self.get() {
            None | Some(Value::Null) => false,
            Some(Value::Bool(flag)) => *flag,
            Some(Value::Number(number)) => number.as_f64() != Some(0.0),
            Some(Value::String(text)) => !text.is_empty(),
            Some(Value::Array(items)) => !items.is_empty(),
            Some(Value::Object(fields)) => !fields.is_empty(),
        }
    }
}

/// Templates that call each other deeper than this are stopped.
const DEPTH: usize = 64;
/// Maximum number of bytes that a template makes of one object.
const MOST: usize = 256 << 20;

pub(super) fn render(template: &GoTemplate, root: &Value) -> Result<String, GoTemplateError> {
    let mut run = Run {
        template,
        out: String::new(),
        variables: vec![(String::new(), Val::Ref(root))],
        depth: 0,
    };
    run.nodes(&template.main, &Val::Ref(root))?;
    Ok(run.out)
}

/// How a block ended.
#[derive(PartialEq)]
enum Flow {
    On,
    Break,
    Continue,
}

struct Run<'t, 'v> {
    template: &'t GoTemplate,
    out: String,
    /// By name, the innermost last; `$` has no name.
    variables: Vec<(String, Val<'v>)>,
    depth: usize,
}

impl<'t, 'v> Run<'t, 'v> {
    fn nodes(&mut self, nodes: &'t [TemplateNode], dot: &Val<'v>) -> Result<Flow, GoTemplateError> {
        let scope = self.variables.len();
        let mut flow = Flow::On;
        for node in nodes {
            flow = self.node(node, dot)?;
            if flow != Flow::On {
                break;
            }
        }
        self.variables.truncate(scope);
        Ok(flow)
    }

    fn node(&mut self, node: &'t TemplateNode, dot: &Val<'v>) -> Result<Flow, GoTemplateError> {
        match node {
            TemplateNode::Text(text) => self.out.push_str(text),
            TemplateNode::Action(pipeline) => {
                let value = self.pipeline(pipeline, dot)?;
                if pipeline.variables.is_empty() {
                    print(value.get(), &mut self.out);
                }
            }
            TemplateNode::If(branch) => return self.choose(branch, dot, false),
            TemplateNode::With(branch) => return self.choose(branch, dot, true),
            TemplateNode::Range(branch) => return self.range(branch, dot),
            TemplateNode::Template(name, argument) => self.call(name, argument.as_ref(), dot)?,
            TemplateNode::Break => return Ok(Flow::Break),
            TemplateNode::Continue => return Ok(Flow::Continue),
        }
        match self.out.len() > MOST {
            true => Err(GoTemplateError::run(
                "",
                format!("its text is longer than {MOST} bytes"),
            )),
            false => Ok(Flow::On),
        }
    }

    fn choose(
        &mut self,
        branch: &'t Branch,
        dot: &Val<'v>,
        moves: bool,
    ) -> Result<Flow, GoTemplateError> {
        let scope = self.variables.len();
        let value = self.pipeline(&branch.pipeline, dot)?;
        let flow = match (value.is_true(), moves) {
            (true, true) => self.nodes(&branch.body, &value),
            (true, false) => self.nodes(&branch.body, dot),
            (false, _) => self.nodes(&branch.other, dot),
        };
        self.variables.truncate(scope);
        flow
    }

    fn range(&mut self, branch: &'t Branch, dot: &Val<'v>) -> Result<Flow, GoTemplateError> {
        let scope = self.variables.len();
        let pipeline = &branch.pipeline;
        let value = self.value(pipeline, dot)?;
        let items = items(&value).ok_or_else(|| {
            GoTemplateError::run(&pipeline.text, "range needs a list, a map or a number")
        })?;
        if items.is_empty() {
            return self.nodes(&branch.other, dot);
        }
        for (key, item) in items {
            let bound = match pipeline.variables.as_slice() {
                [one] => vec![(one, item.clone())],
                [first, second] => vec![(first, Val::Own(key)), (second, item.clone())],
                _ => Vec::new(),
            };
            for (name, value) in bound {
                self.bind(name, value, pipeline)?;
            }
            let flow = self.nodes(&branch.body, &item)?;
            self.variables.truncate(scope);
            if flow == Flow::Break {
                break;
            }
        }
        Ok(Flow::On)
    }

    fn call(
        &mut self,
        name: &str,
        argument: Option<&'t Pipeline>,
        dot: &Val<'v>,
    ) -> Result<(), GoTemplateError> {
        let Some(nodes) = self.template.named.get(name) else {
            return Err(GoTemplateError::run(
                name,
                "no template of that name is defined",
            ));
        };
        if self.depth >= DEPTH {
            return Err(GoTemplateError::run(
                name,
                "templates call each other too deep",
            ));
        }
        let dot = match argument {
            Some(pipeline) => self.pipeline(pipeline, dot)?,
            None => Val::Missing,
        };
        let outer = std::mem::replace(&mut self.variables, vec![(String::new(), dot.clone())]);
        self.depth += 1;
        let done = self.nodes(nodes, &dot);
        self.depth -= 1;
        self.variables = outer;
        done.map(drop)
    }

    fn bind(
        &mut self,
        name: &str,
        value: Val<'v>,
        pipeline: &Pipeline,
    ) -> Result<(), GoTemplateError> {
        if !pipeline.assigns {
            self.variables.push((name.to_owned(), value));
            return Ok(());
        }
        let known = self.variables.iter_mut().rfind(|(known, _)| known == name);
        let (_, slot) = known
            .ok_or_else(|| GoTemplateError::run(&pipeline.text, format!("no variable ${name}")))?;
        *slot = value;
        Ok(())
    }

    /// The value of a pipeline, bound to its variable.
    fn pipeline(
        &mut self,
        pipeline: &'t Pipeline,
        dot: &Val<'v>,
    ) -> Result<Val<'v>, GoTemplateError> {
        let value = self.value(pipeline, dot)?;
        if let Some(name) = pipeline.variables.first() {
            self.bind(name, value.clone(), pipeline)?;
        }
        Ok(value)
    }

    fn value(&mut self, pipeline: &'t Pipeline, dot: &Val<'v>) -> Result<Val<'v>, GoTemplateError> {
        let mut last = None;
        for command in &pipeline.commands {
            last = Some(self.command(command, last, dot, &pipeline.text)?);
        }
        Ok(last.unwrap_or(Val::Missing))
    }

    fn command(
        &mut self,
        command: &'t [Argument],
        last: Option<Val<'v>>,
        dot: &Val<'v>,
        text: &str,
    ) -> Result<Val<'v>, GoTemplateError> {
        let Some((first, rest)) = command.split_first() else {
            return Ok(Val::Missing);
        };
        if let Argument::Function(name) = first {
            let mut arguments = Vec::new();
            for operand in rest {
                // `and` and `or` stop at the first argument that decides.
                if let (Some(decided), "and" | "or") = (arguments.last(), name.as_str())
                    && Val::is_true(decided) == (name == "or")
                {
                    break;
                }
                arguments.push(self.operand(operand, dot, text)?);
            }
            arguments.extend(last);
            return functions::call(name, arguments).map_err(|why| GoTemplateError::run(text, why));
        }
        if !rest.is_empty() || last.is_some() {
            return Err(GoTemplateError::run(
                text,
                "only a function takes arguments",
            ));
        }
        self.operand(first, dot, text)
    }

    fn operand(
        &mut self,
        operand: &'t Argument,
        dot: &Val<'v>,
        text: &str,
    ) -> Result<Val<'v>, GoTemplateError> {
        let (value, fields) = match operand {
            Argument::Literal(value) => return Ok(Val::Own(value.clone())),
            Argument::Function(name) => {
                return functions::call(name, Vec::new())
                    .map_err(|why| GoTemplateError::run(text, why));
            }
            Argument::Fields(fields) => (dot.clone(), fields),
            Argument::Variable(name, fields) => {
                let known = self.variables.iter().rfind(|(known, _)| known == name);
                let (_, value) = known
                    .ok_or_else(|| GoTemplateError::run(text, format!("no variable ${name}")))?;
                (value.clone(), fields)
            }
            Argument::Group(pipeline, fields) => (self.value(pipeline, dot)?, fields),
        };
        let mut value = value;
        for field in fields {
            if let Some(Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Array(_)) =
                value.get()
            {
                return Err(GoTemplateError::run(
                    text,
                    format!("it has no field {field}, because it is no map"),
                ));
            }
            value = value.child(|map| map.get(field.as_str()));
        }
        Ok(value)
    }
}

/// Keys and values to go through; maps in the order of their keys. `None`: nothing to go through.
fn items<'v>(value: &Val<'v>) -> Option<Vec<(Value, Val<'v>)>> {
    let at = |at: usize| value.child(|list| list.get(at));
    match value.get() {
        None => Some(Vec::new()),
        Some(Value::Array(items)) => {
            Some((0..items.len()).map(|n| (Value::from(n), at(n))).collect())
        }
        Some(Value::Object(fields)) => {
            let mut names: Vec<&String> = fields.keys().collect();
            names.sort_unstable();
            let item = |name: &String| {
                (
                    Value::from(name.as_str()),
                    value.child(|map| map.get(name.as_str())),
                )
            };
            Some(names.into_iter().map(item).collect())
        }
        Some(Value::Number(number)) => {
            let most = number.as_i64().filter(|most| *most <= 1 << 20)?;
            Some(
                (0..most)
                    .map(|n| (Value::from(n), Val::Own(Value::from(n))))
                    .collect(),
            )
        }
        Some(_) => None,
    }
}
