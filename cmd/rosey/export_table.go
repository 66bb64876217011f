package main

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"strings"
)

const (
	formatNDJSON = "ndjson"
	formatCSV    = "csv"
)

// tableExport writes the rows of a table, one by one.
type tableExport struct {
	format  string
	out     *bufio.Writer
	columns []string // in JSON, for NDJSON
	line    []byte
	written uint64
}

func (x *tableExport) head(columns []string) error {
	if x.format == formatCSV {
		x.line = x.line[:0]
		for i, c := range columns {
			x.line = appendCSV(comma(x.line, i), c)
		}
		return x.write()
	}
	for _, c := range columns {
		x.columns = append(x.columns, string(append(appendJSON(nil, c), ':')))
	}
	return nil
}

func (x *tableExport) row(values []any) error {
	x.written++
	x.line = x.line[:0]
	if x.format == formatCSV {
		for i, v := range values {
			x.line = appendCSV(comma(x.line, i), v)
		}
		return x.write()
	}
	x.line = append(x.line, '{')
	for i, v := range values {
		x.line = append(comma(x.line, i), x.columns[i]...)
		x.line = appendValue(x.line, v)
	}
	x.line = append(x.line, '}')
	return x.write()
}

func (x *tableExport) write() error {
	x.line = append(x.line, '\n')
	if _, err := x.out.Write(x.line); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

func comma(b []byte, i int) []byte {
	if i > 0 {
		b = append(b, ',')
	}
	return b
}

// appendValue writes a value of a row as JSON. Infinity, which JSON has no word
// for, is a number too large for anybody: readers take it for infinity.
func appendValue(b []byte, v any) []byte {
	switch v := v.(type) {
	case int64:
		return strconv.AppendInt(b, v, 10)
	case float64:
		if math.IsInf(v, 0) {
			return append(b, decimal(math.Copysign(math.MaxFloat64, v))+"0"...)
		}
	}
	return appendJSON(b, v)
}

// appendCSV writes a value as one field. A NULL is nothing at all, an empty text
// a pair of quotes.
func appendCSV(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return b
	case int64:
		return strconv.AppendInt(b, v, 10)
	case float64:
		return append(b, decimal(v)...)
	case []byte:
		return base64.StdEncoding.AppendEncode(b, v)
	case string:
		if v != "" && !strings.ContainsAny(v, "\",\r\n") && v[0] != ' ' && v[len(v)-1] != ' ' {
			return append(b, v...)
		}
		b = append(b, '"')
		b = append(b, strings.ReplaceAll(v, `"`, `""`)...)
		return append(b, '"')
	default:
		return fmt.Append(b, v)
	}
}
