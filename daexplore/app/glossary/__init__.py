"""Glossary: terms with formula and reference."""
