//! The object that has the focus as `get --neat` prints it: ready to be created again, never with a mask as a value.

use etcd_inspect::answers::export::sorted;
use etcd_inspect::export::yaml;
use etcd_inspect::kubernetes::apply::{Keep, Secrets, ready};
use etcd_inspect::member::Reading;

use super::Session;
use crate::object::{hidden, text_of};

impl Session {
    /// YAML or JSON that creates the object again; of a deleted key its last version.
    ///
    /// # Errors
    /// Why there is none. Hidden values are counted, and the key that shows them is named.
    pub(crate) fn neat_text(&self, json: bool) -> Result<String, String> {
        let key = self.focus().ok_or("no key is selected")?;
        let data = self.rows().ok_or("there is no index yet")?;
        let written = self
            .last_value(key)
            .ok_or("the key has no value at this revision")?;
        if data.layout().resource(key).is_none() {
            return Err("not a Kubernetes object".to_owned());
        }
        let reading = Reading {
            stored: true,
            ..Reading::default()
        };
        let object = data.objects().json(&written.version(), reading);
        let mut object = object.map_err(|why| why.to_string())?;
        ready(&mut object, Keep::default(), Secrets::Omit, self.mask(key)).map_err(hidden)?;
        let object = if json {
            sorted(object)
        } else {
            yaml::sorted(object)
        };
        text_of(&object, json)
    }
}
