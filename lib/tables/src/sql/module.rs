//! A table as a module of SQLite.
#![allow(
    unsafe_code,
    reason = "rusqlite's traits for virtual tables are unsafe: each struct must be repr(C) and begin with SQLite's own, as these do"
)]

use std::borrow::Cow;
use std::ffi::{CStr, CString, c_int};
use std::marker::PhantomData;
use std::sync::Arc;

use rusqlite::types::{ToSqlOutput, Value as SqlValue, ValueRef};
use rusqlite::vtab::{
    Context, Filters, IndexInfo, Module, VTab, VTabConfig, VTabConnection, VTabCursor,
};
use rusqlite::{Connection, Error, ffi};

use super::plan;
use crate::definition::{Items, NumberedRow, Table, Wanted};
use crate::source::Source;
use crate::value::Value;

/// Items read at once at most: enough for all cores, and little if a query ends early.
const MOST_AT_ONCE: usize = 512;

/// Makes a table known to a connection under its own name.
pub(super) fn register(
    connection: &Connection,
    table: &'static Table,
    source: &Arc<Source>,
) -> rusqlite::Result<()> {
    const MODULE: Module<'_, VirtualTable> = Module::eponymous_only_module();
    let asked = Asked {
        table,
        source: Arc::clone(source),
    };
    connection.create_module(table.name, &MODULE, Some(asked))
}

#[derive(Clone, Debug)]
pub(super) struct Asked {
    table: &'static Table,
    source: Arc<Source>,
}

#[repr(C)]
pub(super) struct VirtualTable {
    base: ffi::sqlite3_vtab,
    asked: Asked,
}

// SAFETY: `VirtualTable` is repr(C) and begins with `sqlite3_vtab`.
unsafe impl<'vtab> VTab<'vtab> for VirtualTable {
    type Aux = Asked;
    type Cursor = Cursor<'vtab>;

    fn connect(
        db: &mut VTabConnection,
        aux: Option<&Asked>,
        _module_name: &[u8],
        _database_name: &[u8],
        _table_name: &[u8],
        _args: &[&[u8]],
    ) -> rusqlite::Result<(Cow<'static, CStr>, Self)> {
        let asked = aux
            .cloned()
            .ok_or_else(|| Error::ModuleError("no table".to_owned()))?;
        db.config(VTabConfig::Innocuous)?;
        let columns = asked.table.columns.iter();
        let columns: Vec<String> = columns
            .map(|column| format!("{} {}", column.name, column.kind.declared()))
            .collect();
        let declared = CString::new(format!("CREATE TABLE x({})", columns.join(", ")))?;
        let base = ffi::sqlite3_vtab::default();
        Ok((Cow::Owned(declared), Self { base, asked }))
    }

    fn best_index(&self, info: &mut IndexInfo) -> rusqlite::Result<bool> {
        plan::choose(self.asked.table, info)?;
        Ok(true)
    }

    fn open(&'vtab mut self) -> rusqlite::Result<Cursor<'vtab>> {
        Ok(Cursor {
            base: ffi::sqlite3_vtab_cursor::default(),
            asked: self.asked.clone(),
            items: Items::Numbers(Vec::new()),
            wanted: Wanted::ALL,
            next_item: 0,
            at_once: 1,
            rows: Vec::new(),
            row: 0,
            part: 0,
            of: PhantomData,
        })
    }
}

/// Where a query is: the items that its filter left, and the rows of those that were read last.
#[repr(C)]
pub(super) struct Cursor<'vtab> {
    base: ffi::sqlite3_vtab_cursor,
    asked: Asked,
    items: Items,
    wanted: Wanted,
    next_item: usize,
    at_once: usize,
    rows: Vec<NumberedRow>,
    row: usize,
    /// Position of the row among those of its number.
    part: u32,
    of: PhantomData<&'vtab VirtualTable>,
}

impl Cursor<'_> {
    /// Reads on until there is a row or no item is left.
    fn fill(&mut self) -> rusqlite::Result<()> {
        while self.row >= self.rows.len() && self.next_item < self.items.len() {
            self.rows.clear();
            self.row = 0;
            let end = self
                .next_item
                .saturating_add(self.at_once)
                .min(self.items.len());
            let Asked { table, source } = &self.asked;
            table
                .read(
                    source,
                    &self.items,
                    self.next_item..end,
                    self.wanted,
                    &mut self.rows,
                )
                .map_err(|error| Error::ModuleError(source.keep_refusal(error)))?;
            self.next_item = end;
            self.at_once = self.at_once.saturating_mul(8).min(MOST_AT_ONCE);
        }
        Ok(())
    }
}

// SAFETY: `Cursor` is repr(C) and begins with `sqlite3_vtab_cursor`.
unsafe impl VTabCursor for Cursor<'_> {
    fn filter(
        &mut self,
        _idx_num: c_int,
        idx_str: Option<&str>,
        args: &Filters<'_>,
    ) -> rusqlite::Result<()> {
        let (filter, wanted) = plan::filter(idx_str, args.iter());
        let Asked { table, source } = &self.asked;
        let items = table.select(source, &filter);
        self.items = items.map_err(|error| Error::ModuleError(source.keep_refusal(error)))?;
        self.wanted = wanted;
        (self.next_item, self.at_once, self.row, self.part) = (0, 1, 0, 0);
        self.rows.clear();
        self.fill()
    }

    fn next(&mut self) -> rusqlite::Result<()> {
        let number = |row: usize| self.rows.get(row).map(|(number, _)| *number);
        let next = self.row.saturating_add(1);
        self.part = match number(next).is_some() && number(next) == number(self.row) {
            true => self.part.saturating_add(1),
            false => 0,
        };
        self.row = next;
        self.fill()
    }

    fn eof(&self) -> bool {
        self.row >= self.rows.len()
    }

    fn column(&self, context: &mut Context, column: c_int) -> rusqlite::Result<()> {
        let row = self.rows.get(self.row).map(|(_, row)| row);
        let value = usize::try_from(column)
            .ok()
            .and_then(|column| row?.get(column));
        context.set_result(match value {
            None | Some(Value::Null) => ToSqlOutput::Owned(SqlValue::Null),
            Some(Value::Integer(integer)) => ToSqlOutput::Owned(SqlValue::Integer(*integer)),
            Some(Value::Real(real)) => ToSqlOutput::Owned(SqlValue::Real(*real)),
            Some(Value::Text(text)) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
        })
    }

    /// The same for a row whatever conditions led to it: SQLite joins the branches of an OR by it.
    fn rowid(&self) -> rusqlite::Result<i64> {
        let number = self.rows.get(self.row).map_or(0, |(number, _)| *number);
        Ok((i64::from(number) << 31) | i64::from(self.part & 0x7fff_ffff))
    }
}
