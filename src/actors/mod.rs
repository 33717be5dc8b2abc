//! The actors and the messages they exchange.
