//! All tables.

use crate::definition::Table;
use crate::rows::{answers, fields, keys, log, objects, versions};

/// Every table, in the order in which they are documented.
pub static TABLES: [&Table; 14] = [
    &keys::TABLE,
    &versions::TABLE,
    &objects::TABLE,
    &fields::TABLE,
    &objects::EVENTS_TABLE,
    &objects::MANAGED_FIELDS_TABLE,
    &log::TABLE,
    &answers::TERMS_TABLE,
    &answers::MEMBERS_TABLE,
    &answers::LEASES_TABLE,
    &answers::PAGES_TABLE,
    &answers::FINDINGS_TABLE,
    &answers::PLAN_TABLE,
    &answers::CERTS_TABLE,
];

/// The table of a name.
pub fn table(name: &str) -> Option<&'static Table> {
    TABLES
        .iter()
        .copied()
        .find(|table| table.name.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::TABLES;

    #[test]
    fn names_of_tables_and_of_their_columns_are_unique_and_keys_name_columns() {
        let names: BTreeSet<_> = TABLES.iter().map(|table| table.name).collect();
        assert_eq!(names.len(), TABLES.len());
        for table in TABLES {
            let columns: BTreeSet<_> = table.columns.iter().map(|column| column.name).collect();
            assert_eq!(columns.len(), table.columns.len(), "{}", table.name);
            assert!(
                table.columns.len() < 64,
                "{}: a bit for each column",
                table.name
            );
            for key in table.key {
                assert!(columns.contains(key), "{}.{key}", table.name);
            }
        }
    }
}
