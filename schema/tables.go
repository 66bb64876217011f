package schema

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"sort"
	"strings"
)

//go:embed tables/*.sql
var tableFiles embed.FS

// statements returns the SQL of all tables in a fixed order: first what rows
// need, then what can wait until they are all there.
func statements() (now, late []string, err error) {
	entries, err := tableFiles.ReadDir("tables")
	if err != nil {
		return nil, nil, fmt.Errorf("schema: tables: %w", err)
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, e.Name())
	}
	sort.Strings(names)
	for _, n := range names {
		text, err := tableFiles.ReadFile("tables/" + n)
		if err != nil {
			return nil, nil, fmt.Errorf("schema: tables: %w", err)
		}
		for _, s := range strings.Split(stripComments(string(text)), ";\n") {
			s = strings.TrimSpace(s)
			switch {
			case s == "":
			case strings.HasPrefix(s, "CREATE INDEX"):
				late = append(late, strings.TrimSuffix(s, ";"))
			default:
				now = append(now, strings.TrimSuffix(s, ";"))
			}
		}
	}
	return now, late, nil
}

func stripComments(text string) string {
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if at := strings.Index(l, "--"); at >= 0 {
			lines[i] = strings.TrimRight(l[:at], " ")
		}
	}
	return strings.Join(lines, "\n")
}

// Fingerprint identifies what the rows of a database depend on beside the
// stream: the tables, and whatever the caller adds (versions of projections and
// of the decoder, configuration).
func Fingerprint(parts ...string) (string, error) {
	now, late, err := statements()
	if err != nil {
		return "", err
	}
	h := sha256.New()
	for _, group := range [][]string{now, late, parts} {
		for _, s := range group {
			fmt.Fprintf(h, "%d:%s\n", len(s), s)
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:16]), nil
}
