package embedded

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/minio/highwayhash"
)

// A server that was closed in order trusts the index it wrote then, and reads the
// sequences in its blocks without their checksums. Those between two that it finds it
// notes as deleted, one by one: one bad bit in a sequence, and it does so until there is
// no memory left. No store may be opened that has such a record.
const (
	sequenceAt = 4
	markerBits = 1<<63 | 1<<62 // of a message that was erased, and of a note that one was

	// gapLimit is how far a record that is not what was written may be ahead of those
	// before it. The server takes about 0.2 GB for as many.
	gapLimit = 1 << 24
)

// unbearable looks for records that the server could not bear to read.
func (k *kept) unbearable(ctx context.Context) error {
	for _, s := range k.streams {
		trusted, err := s.trustsIndex(k.dir)
		if err != nil {
			return fmt.Errorf("look at the index of stream %s: %w", s.name, err)
		}
		if !trusted {
			continue // each checksum is looked at then
		}
		damage := &DamagedError{Stream: s.name, Folder: s.stored(k.dir)}
		for name := range s.blocks {
			if err := ctx.Err(); err != nil {
				return err
			}
			err := checkGaps(s.name, filepath.Join(s.stored(k.dir), blocksFolder, name))
			var bad *badRecord
			if errors.As(err, &bad) {
				damage.Blocks = append(damage.Blocks, s.damageTo(k.dir, name, err))
			} else if err != nil {
				return fmt.Errorf("look at a block of stream %s: %w", s.name, err)
			}
		}
		if len(damage.Blocks) > 0 {
			sortDamage(damage.Blocks)
			return damage
		}
	}
	return nil
}

// trustsIndex reports whether a server that starts goes by the stream's index. It does
// where the last checksum in it, which its own follows, is the one that the last block
// ends with.
func (s *keptStream) trustsIndex(dir string) (bool, error) {
	folder := filepath.Join(s.stored(dir), blocksFolder)
	index, err := os.ReadFile(filepath.Join(folder, indexFile))
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(index) < 2*recordSum {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	var last string
	var highest uint32
	for name := range s.blocks {
		if n, _ := blockNumber(name); last == "" || n > highest {
			last, highest = name, n
		}
	}
	if s.blocks[last] < recordSum {
		return false, nil
	}
	f, err := os.Open(filepath.Join(folder, last))
	if err != nil {
		return false, err
	}
	end := make([]byte, recordSum)
	_, err = f.ReadAt(end, s.blocks[last]-recordSum)
	return bytes.HasSuffix(index[:len(index)-recordSum], end), errors.Join(err, f.Close())
}

// checkGaps looks for a record in a block that is not compressed which is not what was
// written, and is further ahead of those before it than the server can bear: a
// *badRecord. The first has none before it, and its sequence is in the index: the server
// takes no other for it. Checksums are taken of such records alone, so this costs little
// more than to read the file. What is compressed has checksums that the server looks at.
func checkGaps(stream, path string) error {
	if inPlace, err := writtenInPlace(path); err != nil || !inPlace {
		return err
	}
	raw, err := os.ReadFile(path)
	if err != nil || bytes.HasPrefix(raw, []byte(blockHeader)) {
		return err
	}
	number, _ := blockNumber(filepath.Base(path))
	var last uint64
	for at := 0; len(raw)-at >= recordHead; {
		length := int(binary.LittleEndian.Uint32(raw[at:]) &^ headersBit)
		if length < recordHead || length > recordLimit || length > len(raw)-at {
			return nil // the server comes no further either
		}
		seq := binary.LittleEndian.Uint64(raw[at+sequenceAt:]) &^ markerBits
		if last > 0 && seq > last && seq-last > gapLimit {
			key := sha256.Sum256(fmt.Appendf(nil, "%s-%d", stream, number))
			sum, err := highwayhash.New64(key[:])
			if err != nil {
				return err
			}
			if _, sound := record(raw[at:], sum); !sound {
				return &badRecord{at: int64(at), more: true}
			}
		}
		last = max(last, seq)
		at += length
	}
	return nil
}
