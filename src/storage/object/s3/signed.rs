//! Requests are signed with keys that may have ended or been replaced.

/// One attempt at a request, as a [`StoreFuture`](crate::storage::StoreFuture). When the
/// storage refuses its keys and there are others by now, it is sent once more with those.
///
/// A macro, since no closure can be called twice that lends its captures to a future.
macro_rules! signed {
    ($store:expr, $uri:expr, |$keys:ident| $request:expr) => {
        Box::pin(async move {
            let mut held = $store.keys.get($uri).await?;
            let mut is_repeated = false;
            loop {
                let $keys: &Credentials = &held;
                let sent: Result<_, Failure> = async { $request }.await;
                let failure = match sent {
                    Ok(done) => return Ok(done),
                    Err(failure) => failure,
                };
                if is_repeated || !failure.is_about_keys {
                    return Err(failure.error);
                }
                match $store.keys.instead_of(&held).await {
                    Some(others) => held = others,
                    None => return Err(failure.error),
                }
                is_repeated = true;
            }
        })
    };
}
