package spool

import (
	"encoding/binary"
	"math"
)

// A table's leaf page: its type, and how its cells are found.
const (
	leafPage       = 0x0d
	leafHeader     = 8
	firstPageStart = 100 // the file's header takes the beginning of page 1
	maxRecord      = 64 << 20
)

// value is a column of a record: NULL, a number, text or bytes.
type value struct {
	class  byte // 'n', 'i', 'f', 't' or 'b'
	number int64
	bytes  []byte
}

// records returns how many cells a page has, 0 if it is no leaf of a table.
func (p *pageFile) records(at page, content []byte) int {
	header := content[leafStart(at):]
	if header[0] != leafPage {
		return 0
	}
	n := int(binary.BigEndian.Uint16(header[3:]))
	if room := (len(header) - leafHeader) / 2; n > room {
		return 0
	}
	return n
}

func leafStart(at page) int {
	if at.number == 1 {
		return firstPageStart
	}
	return 0
}

// record reads the i-th record of a leaf page, with the pages that a long one
// goes on in, beside the page or the other way round. It returns nil for what
// cannot be a record.
func (p *pageFile) record(at page, content []byte, i int, inLog bool) []value {
	pointer := leafStart(at) + leafHeader + 2*i
	start := int(binary.BigEndian.Uint16(content[pointer:]))
	if start < pointer || start >= len(content) {
		return nil
	}
	cell := content[start:]
	size, n := varint(cell)
	_, m := varint(cell[n:])
	cell = cell[n+m:]
	if n == 0 || m == 0 || size < 1 || size > maxRecord {
		return nil
	}
	payload := p.payload(cell, size, inLog)
	if payload == nil {
		return nil
	}
	return columns(payload)
}

// payload joins the part of a record in its page with those in others.
func (p *pageFile) payload(cell []byte, size int64, inLog bool) []byte {
	usable := p.pageSize
	local := size
	if most := usable - 35; size > most {
		least := (usable-12)*32/255 - 23
		if local = least + (size-least)%(usable-4); local > most {
			local = least
		}
	}
	if local == size {
		if int64(len(cell)) < size {
			return nil
		}
		return cell[:size]
	}
	if int64(len(cell)) < local+4 {
		return nil
	}
	whole := make([]byte, 0, min(size, 1<<20))
	whole = append(whole, cell[:local]...)
	next := binary.BigEndian.Uint32(cell[local:])
	buf := make([]byte, p.pageSize)
	for int64(len(whole)) < size {
		at, ok := p.version(next, inLog)
		if !ok {
			return nil
		}
		content := p.read(at, buf)
		next = binary.BigEndian.Uint32(content)
		whole = append(whole, content[4:4+min(usable-4, size-int64(len(whole)))]...)
	}
	return whole
}

// columns takes a record apart.
func columns(payload []byte) []value {
	size, n := varint(payload)
	if n == 0 || size < int64(n) || size > int64(len(payload)) {
		return nil
	}
	types, body := payload[n:size], payload[size:]
	var list []value
	for len(types) > 0 {
		kind, n := varint(types)
		if n == 0 {
			return nil
		}
		types = types[n:]
		width, ok := valueWidth(kind)
		if !ok || width > int64(len(body)) {
			return nil
		}
		list = append(list, makeValue(kind, body[:width]))
		body = body[width:]
	}
	return list
}

func valueWidth(kind int64) (int64, bool) {
	switch {
	case kind >= 12:
		return (kind - 12) / 2, true
	case kind < 0 || kind == 10 || kind == 11:
		return 0, false
	}
	return [10]int64{0, 1, 2, 3, 4, 6, 8, 8, 0, 0}[kind], true
}

func makeValue(kind int64, body []byte) value {
	switch {
	case kind == 0:
		return value{class: 'n'}
	case kind == 7:
		return value{class: 'f'}
	case kind == 8 || kind == 9:
		return value{class: 'i', number: kind - 8}
	case kind >= 12 && kind%2 == 0:
		return value{class: 'b', bytes: body}
	case kind >= 12:
		return value{class: 't', bytes: body}
	}
	n := int64(int8(body[0]))
	for _, b := range body[1:] {
		n = n<<8 | int64(b)
	}
	return value{class: 'i', number: n}
}

// varint reads a number of 1 to 9 bytes and returns how many it took, 0 when
// there are too few.
func varint(b []byte) (int64, int) {
	var n uint64
	for i := range min(len(b), 8) {
		n = n<<7 | uint64(b[i]&0x7f)
		if b[i] < 0x80 {
			return int64(min(n, math.MaxInt64)), i + 1
		}
	}
	if len(b) < 9 {
		return 0, 0
	}
	n = n<<8 | uint64(b[8])
	return int64(n), 9
}

// shaped reports whether the record's columns are of these classes.
func shaped(record []value, classes string) bool {
	if len(record) != len(classes) {
		return false
	}
	for i := range record {
		if record[i].class != classes[i] {
			return false
		}
	}
	return true
}
