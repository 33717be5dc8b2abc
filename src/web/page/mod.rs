//! The status page: one file that needs nothing from elsewhere.

use actix_web::HttpResponse;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use uuid::Uuid;

/// Stands where the nonce of an answer goes.
const NONCE: &str = "NONCE";

const PAGE: &str = concat!(
    "<!doctype html>\n<html lang=\"en\">\n<head>\n",
    include_str!("head.html"),
    "<style nonce=\"NONCE\">\n",
    include_str!("style.css"),
    "</style>\n</head>\n<body>\n",
    include_str!("body.html"),
    "<script nonce=\"NONCE\">\n\"use strict\";\n(() => {\n",
    include_str!("elements.js"),
    include_str!("plots.js"),
    include_str!("parts.js"),
    include_str!("control.js"),
    include_str!("stream.js"),
    "})();\n</script>\n</body>\n</html>\n",
);

/// The page, with a nonce of this answer only: a script that got into the page by any
/// other way would not run.
pub(super) async fn page() -> HttpResponse {
    let nonce = Uuid::new_v4().simple().to_string();
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; \
         img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    );
    HttpResponse::Ok()
        .insert_header((CONTENT_SECURITY_POLICY, policy))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .content_type("text/html; charset=utf-8")
        .body(PAGE.replace(NONCE, &nonce))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nonce_stands_where_it_should_and_nowhere_else() {
        assert_eq!(PAGE.matches(NONCE).count(), 2);
        assert_eq!(PAGE.matches("<script").count(), 1);
        assert_eq!(PAGE.matches("<style").count(), 1);
    }

    /// None of the ways by which a text becomes markup or code.
    #[test]
    fn texts_of_others_stay_texts() {
        for way in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
            "DOMParser",
            "createContextualFragment",
            "srcdoc",
        ] {
            assert!(!PAGE.contains(way), "{way}");
        }
    }
}
