package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"
	"unicode/utf8"
)

// table aligns columns. What others wrote has to go through printable first: a
// cell holds neither tabs nor line breaks.
type table struct{ w *tabwriter.Writer }

// columnGap is the space between columns.
const columnGap = 2

func newTable(w io.Writer, header ...string) *table {
	t := &table{tabwriter.NewWriter(w, 0, 0, columnGap, ' ', 0)}
	if len(header) > 0 {
		t.row(header...)
	}
	return t
}

// row adds one line. The writer keeps its first error until flush.
func (t *table) row(cells ...string) {
	_, _ = io.WriteString(t.w, strings.Join(cells, "\t")+"\n")
}

func (t *table) flush() error {
	if err := t.w.Flush(); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// moment shows a time in Unix milliseconds, 0 for none.
func moment(ms int64) string {
	if ms == 0 {
		return "-"
	}
	return time.UnixMilli(ms).Local().Format(time.RFC3339)
}

// lasting shows a number of seconds.
func lasting(seconds int64) string {
	const day = 24 * 60 * 60
	text := (time.Duration(seconds%day) * time.Second).String()
	if seconds >= day {
		text = fmt.Sprintf("%dd%s", seconds/day, text)
	}
	return text
}

// ignoreBrokenPipe lets a write to a reader that went away, such as head, fail
// like any other: else the program would end in the middle, and whatever it runs
// with it.
func ignoreBrokenPipe() { signal.Ignore(syscall.SIGPIPE) }

// unlessPipe leaves out that the reader went away: it has seen enough.
func unlessPipe(err error) error {
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe) {
		return nil
	}
	return err
}

// misused is for what was asked wrongly: it says so, and ends with the exit code
// of a wrong command line.
func misused(con *console, err error) error {
	complain(con.err, err)
	return exitError(exitUsage)
}

// printEach prints values for machines, one a line.
func printEach[T any](w io.Writer, list []T) error {
	for _, v := range list {
		if err := printJSON(w, v); err != nil {
			return err
		}
	}
	return nil
}

// marshal is printJSON for a value inside a line.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	if err := printJSON(&b, v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// oneLine returns JSON as it is, without the line breaks it may have between its
// tokens. It reports false for what is no JSON.
func oneLine(data []byte) ([]byte, bool) {
	if !utf8.Valid(data) || !json.Valid(data) {
		return nil, false
	}
	if bytes.IndexByte(data, '\n') < 0 && bytes.IndexByte(data, '\r') < 0 {
		return data, true
	}
	var b bytes.Buffer
	if err := json.Compact(&b, data); err != nil {
		return nil, false
	}
	return b.Bytes(), true
}
