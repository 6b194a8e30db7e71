//! The one path from image bytes to an answer.
