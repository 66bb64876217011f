package main

import (
	"encoding/json"
	"io"
)

// printJSON prints a value for machines, one line, nothing escaped that need
// not be.
func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}
