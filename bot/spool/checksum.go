package spool

import (
	"database/sql"
	"encoding/binary"
	"hash/crc64"

	"rosey/events"
)

var checksums = crc64.MakeTable(crc64.ECMA)

// genuine reports whether the row is what was put: by its checksum, or, where it
// is older than checksums, by being the event that it says it is.
func (r *row) genuine(sum sql.NullInt64) bool {
	if sum.Valid {
		return sum.Int64 == r.checksum()
	}
	e, err := events.Decode(r.kind, r.data)
	return err == nil && e.ID == r.eventID()
}

// checksum covers everything of the row that is sent or that orders it.
func (r *row) checksum() int64 {
	sum := textSum(0, r.producer, string(r.kind), r.subject)
	sum = numberSum(sum, r.seq, uint64(r.atMS), uint64(len(r.data)))
	return int64(crc64.Update(sum, checksums, r.data))
}

// runSum is the checksum of a run's row.
func runSum(producer string, lastSeq uint64) int64 {
	return int64(numberSum(textSum(0, producer), lastSeq))
}

func textSum(sum uint64, texts ...string) uint64 {
	for _, text := range texts {
		sum = numberSum(crc64.Update(sum, checksums, []byte(text)), uint64(len(text)))
	}
	return sum
}

func numberSum(sum uint64, numbers ...uint64) uint64 {
	var b [8]byte
	for _, n := range numbers {
		binary.BigEndian.PutUint64(b[:], n)
		sum = crc64.Update(sum, checksums, b[:])
	}
	return sum
}
