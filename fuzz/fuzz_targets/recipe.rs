//! Recipes, and the networks in them. What parses must print and parse again to the same value.
#![no_main]

use inkstone::shape::Shape;
use inkstone::spec::Recipe;

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(recipe) = Recipe::parse(text, "fuzz.toml") {
        assert_eq!(Recipe::parse(&recipe.to_toml(), "again.toml").as_ref(), Ok(&recipe));
        let _ = recipe.model.resolve(Shape::image(28, 28, 1), 10);
    }
});
