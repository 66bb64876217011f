package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// hashedFile is a new file that knows what was written to it.
type hashedFile struct {
	f    *os.File
	hash hash.Hash
	n    int64
}

func createHashed(path string) (*hashedFile, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	return &hashedFile{f: f, hash: sha256.New()}, nil
}

func (h *hashedFile) Write(p []byte) (int, error) {
	n, err := h.f.Write(p)
	h.hash.Write(p[:n])
	h.n += int64(n)
	return n, err
}

// close makes the file durable.
func (h *hashedFile) close() error { return errors.Join(h.f.Sync(), h.f.Close()) }

func (h *hashedFile) entry(name string) File {
	return File{Path: name, Bytes: h.n, SHA256: hex.EncodeToString(h.hash.Sum(nil))}
}

// copyBytes copies until the end or until the context ends, and tells how far it is.
func copyBytes(ctx context.Context, w io.Writer, r io.Reader, progress func(n int64)) error {
	buf := make([]byte, 256<<10)
	var done int64
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := r.Read(buf)
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				return err
			}
			if done += int64(n); progress != nil {
				progress(done)
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// hashFile reads a file as it lies on the disk.
func hashFile(ctx context.Context, path string, progress func(n int64)) (bytes int64, sum string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h := sha256.New()
	counted := func(n int64) {
		if bytes = n; progress != nil {
			progress(n)
		}
	}
	if err := copyBytes(ctx, h, f, counted); err != nil {
		return 0, "", err
	}
	return bytes, hex.EncodeToString(h.Sum(nil)), nil
}

// syncPath makes a file, or a folder's entries, durable.
func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// makeFolder makes a folder, with those above it that are missing, durably.
func makeFolder(dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	above := nearest(dir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for ; dir != above; dir = filepath.Dir(dir) {
		if err := syncPath(filepath.Dir(dir)); err != nil {
			return err
		}
	}
	return nil
}

// errTooLong means that a file has more bytes than one of its kind can have.
var errTooLong = errors.New("it is longer than the limit")

// readLimited reads a file that has no more bytes than the limit.
func readLimited(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%s: %w of %d bytes", path, errTooLong, limit)
	}
	return data, err
}

// syncTree makes everything below a folder durable.
func syncTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() && !d.Type().IsRegular() {
			return err
		}
		return syncPath(path)
	})
}

// nearest is the path itself, or the first folder above it that there is.
func nearest(path string) string {
	for {
		if _, err := os.Stat(path); err == nil {
			return path
		}
		parent := filepath.Dir(path)
		if parent == path {
			return path
		}
		path = parent
	}
}

// requireRoom refuses where a disk has less than is needed, and some to spare.
func requireRoom(free func(string) (int64, error), dir string, need int64) error {
	at := nearest(dir)
	have, err := free(at)
	if err != nil {
		return fmt.Errorf("measure the free space of %s: %w", at, err)
	}
	if need += need/20 + spare; have < need {
		return &RoomError{Dir: at, Free: have, Need: need}
	}
	return nil
}

// spare is what is left free beside a backup or a restored installation.
const spare = 64 << 20
