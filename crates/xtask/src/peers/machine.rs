//! What the results are filed under: the machine in a few words, and the day.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

/// The CPU's own name, where the system tells it.
pub(crate) fn cpu() -> String {
    let about = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = field(&about, "model name").unwrap_or(std::env::consts::ARCH);
    let number = |name| field(&about, name).and_then(|text| text.parse().ok());
    match (field(&about, "vendor_id"), number("cpu family"), number("model")) {
        (Some("AuthenticAMD"), Some(family), Some(model)) => match zen(family, model) {
            Some(generation) if !name.contains("Zen") => format!("{name} (Zen {generation})"),
            _ => name.to_owned(),
        },
        _ => name.to_owned(),
    }
}

/// AMD's generation by CPUID family and model; its names do not always tell.
fn zen(family: u32, model: u32) -> Option<u32> {
    match (family, model) {
        (0x17, 0x00..=0x2f) => Some(1),
        (0x17, _) => Some(2),
        (0x19, 0x10..=0x1f | 0x60..=0xaf) => Some(4),
        (0x19, _) => Some(3),
        (0x1a, _) => Some(5),
        _ => None,
    }
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    lines.map(|(key, value)| (key.trim(), value.trim())).find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// Cores that this process may use.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// `AMD EPYC (Zen 3)`, 2, `avx2` → `epyc-zen3-2-cores-avx2`
pub(crate) fn slug(cpu: &str, cores: usize, isa: &str) -> String {
    // Words that tell nothing: the vendor is known by the model.
    const EMPTY: [&str; 9] = ["amd", "intel", "r", "tm", "cpu", "processor", "core", "with", "ghz"];
    let about = cpu.split('@').next().unwrap_or(cpu).to_lowercase().replace("zen ", "zen");
    let words = about.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let words: Vec<&str> = words.filter(|word| !EMPTY.contains(word) && !word.ends_with("-core")).collect();
    format!("{}-{cores}-cores-{isa}", words.join("-"))
}

/// Today in UTC: `2026-11-24`.
pub(crate) fn today() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    date(seconds / 86_400)
}

/// The Gregorian date of a number of days since 1970-01-01: years counted from March, in eras of 400 years.
fn date(days: u64) -> String {
    let shifted = days + 719_468; // days from 0000-03-01 to 1970-01-01
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_are_filed_under_what_tells_them_apart() {
        for (cpu, cores, isa, expected) in [
            ("AMD EPYC (Zen 3)", 2, "avx2", "epyc-zen3-2-cores-avx2"),
            ("AMD EPYC 9B14 (Zen 4)", 16, "avx512", "epyc-9b14-zen4-16-cores-avx512"),
            ("Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz", 4, "amx", "xeon-platinum-8481c-4-cores-amx"),
            ("aarch64", 8, "neon", "aarch64-8-cores-neon"),
        ] {
            assert_eq!(slug(cpu, cores, isa), expected);
        }
    }

    #[test]
    fn days_become_dates() {
        for (days, expected) in [
            (0, "1970-01-01"),
            (59, "1970-03-01"),
            (11_016, "2000-02-29"),
            (11_017, "2000-03-01"),
            (20_781, "2026-11-24"),
        ] {
            assert_eq!(date(days), expected);
        }
    }

    #[test]
    fn generations_are_told_by_family_and_model() {
        for (family, model, expected) in [(25, 1, Some(3)), (25, 17, Some(4)), (23, 49, Some(2)), (6, 143, None)] {
            assert_eq!(zen(family, model), expected);
        }
    }
}
