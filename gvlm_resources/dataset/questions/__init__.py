"""Questions by templates, in several languages."""
