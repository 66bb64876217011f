package embedded

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/klauspost/compress/s2"
	"github.com/minio/highwayhash"
)

// The server keeps a stream's messages in numbered block files. One that is full is
// compressed as a whole, behind a header; the one that is written to is not.
const (
	blockSuffix    = ".blk"
	blockHeader    = "cmp\x01" // the 1 stands for S2
	recordHead     = 22
	recordSum      = 8
	recordLimit    = 32 << 20
	headersBit     = 1 << 31
	subjectLenAt   = 20
	recordHashFrom = 4
)

// badRecord says where the records of a block stop being what was written.
type badRecord struct {
	at int64
	// more: whole records follow, so it is no write that a power cut left unfinished.
	more bool
}

func (e *badRecord) Error() string {
	return fmt.Sprintf("a record that begins at byte %d is not what was written", e.at)
}

// blockNumber returns the number that a block file is named for.
func blockNumber(name string) (uint32, bool) {
	digits, ok := strings.CutSuffix(name, blockSuffix)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 32)
	return uint32(n), err == nil
}

// writtenInPlace reports whether a server that starts may change the block's file
// itself. It cuts off what follows a record that is not what was written; where that
// is the last one of a compressed block, at the length that the records before it have
// decompressed. Only a block that was hardly made smaller is cut by that.
func writtenInPlace(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer func() { _ = f.Close() }()
	head := make([]byte, len(blockHeader)+binary.MaxVarintLen64)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return false, err
	}
	records, ok := bytes.CutPrefix(head[:n], []byte(blockHeader))
	if !ok {
		return true, nil
	}
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	was, _ := binary.Uvarint(records)
	return uint64(info.Size()) > was/4*3, nil
}

// checkBlock reads a block of a stream as the server does. A *badRecord is one in a
// block that is not compressed, in which what comes before it can be read.
func checkBlock(stream, path string) error {
	number, ok := blockNumber(filepath.Base(path))
	if !ok {
		return fmt.Errorf("%s is no block", filepath.Base(path))
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return checkBytes(stream, number, raw)
}

func checkBytes(stream string, number uint32, raw []byte) error {
	compressed := bytes.HasPrefix(raw, []byte(blockHeader))
	if compressed {
		var err error
		if raw, err = decompress(raw[len(blockHeader):]); err != nil {
			return err
		}
	}
	key := sha256.Sum256(fmt.Appendf(nil, "%s-%d", stream, number))
	sum, err := highwayhash.New64(key[:])
	if err != nil {
		return err
	}
	for at := 0; at < len(raw); {
		n, sound := record(raw[at:], sum)
		if !sound {
			bad := &badRecord{at: int64(at), more: holdsRecord(raw[at+1:], sum)}
			if compressed {
				return errors.New(bad.Error() + ", once it is decompressed")
			}
			return bad
		}
		at += n
	}
	return nil
}

// decompress returns the records of a compressed block; body is what follows the
// header. The checksum of the last record was left as it is.
func decompress(body []byte) ([]byte, error) {
	_, n := binary.Uvarint(body)
	if n <= 0 || len(body) < n+recordSum {
		return nil, errors.New("it is too short for a compressed block")
	}
	body, last := body[n:len(body)-recordSum], body[len(body)-recordSum:]
	raw, err := io.ReadAll(s2.NewReader(bytes.NewReader(body)))
	if err != nil {
		return nil, fmt.Errorf("decompress: %w", err)
	}
	return append(raw, last...), nil
}

// record returns the length of the record that raw begins with, 0 where that cannot
// be told, and whether it is what was written.
func record(raw []byte, sum hash.Hash) (n int, sound bool) {
	if len(raw) < recordHead {
		return 0, false
	}
	length, subject := binary.LittleEndian.Uint32(raw), int(binary.LittleEndian.Uint16(raw[subjectLenAt:]))
	headers := length&headersBit != 0
	length &^= headersBit
	before := subject
	if headers {
		before += 4
	}
	if length > recordLimit || int(length) > len(raw) || int(length) < recordHead+before+recordSum {
		return 0, false
	}
	n = int(length)
	data := raw[recordHead:n]
	sum.Reset()
	sum.Write(raw[recordHashFrom:20])
	sum.Write(data[:subject])
	sum.Write(data[before : len(data)-recordSum])
	return n, bytes.Equal(sum.Sum(nil), data[len(data)-recordSum:])
}

// holdsRecord reports whether a record that is what was written begins anywhere in
// raw. A damaged length does not tell where to look.
func holdsRecord(raw []byte, sum hash.Hash) bool {
	for at := range raw {
		if _, sound := record(raw[at:], sum); sound {
			return true
		}
	}
	return false
}
