"""Rules of one's own, written in a line: parsed and checked without numpy, evaluated over arrays, never as Python."""
