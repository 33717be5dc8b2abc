//! Values that all handlers of a worker share, found by their type.

use std::any::{Any, TypeId, type_name};
use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;

use super::{FromTask, Need};
use crate::task::{TaskContext, TaskError};

/// A map from types to shared values.
#[derive(Default, Clone)]
pub(crate) struct SharedData(HashMap<TypeId, Arc<dyn Any + Send + Sync>>);

impl SharedData {
    pub(crate) fn insert<T: Send + Sync + 'static>(&mut self, value: Arc<T>) {
        self.0.insert(TypeId::of::<T>(), value);
    }

    pub(crate) fn has(&self, need: &Need) -> bool {
        self.0.contains_key(&need.kind)
    }

    pub(crate) fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.0.get(&TypeId::of::<T>())?.clone().downcast().ok()
    }
}

/// A shared value as an argument of a handler, by its type.
///
/// ```
/// use axon_worker::{Data, TaskError};
///
/// struct Greeting(String);
///
/// async fn greet(name: String, greeting: Data<Greeting>) -> Result<String, TaskError> {
///     Ok(format!("{}, {name}", greeting.0))
/// }
/// # let _ = axon_worker::Worker::builder("example")
/// #     .data(Greeting("Hello".into())).task("greet", greet);
/// ```
///
/// Two values of one type are one: wrap them in types of your own.
#[derive(Debug)]
pub struct Data<T>(Arc<T>);

impl<T> Clone for Data<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Deref for Data<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Send + Sync + 'static> FromTask for Data<T> {
    fn from_task(task: &TaskContext) -> Result<Self, TaskError> {
        task.data().map(Self).ok_or_else(|| {
            TaskError::permanent(format!(
                "the handler asks for Data<{}>, but the worker was built without it",
                type_name::<T>()
            ))
        })
    }

    fn need() -> Option<Need> {
        Some(Need::data::<T>())
    }
}
