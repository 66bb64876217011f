package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A NATS server that starts on a store which was not closed in order reads every
// block of it. A stream with one that it cannot decompress it removes as a whole, and
// in one that it takes for a write which was cut off it cuts away what follows. So all
// that is stored is kept, by hard links, until the start has shown that it is there.
//
// The folders lie in the store directory, beside the server's own. What is kept is put
// together under a name of its own and renamed when it is complete, and renamed again
// before it is removed: whatever a crash leaves says how far it was.
const (
	serverFolder  = "jetstream" // the server makes it in its store directory
	streamsFolder = "streams"   // in the folder of an account
	blocksFolder  = "msgs"      // in the folder of a stream

	keepingFolder = "kept.new"
	keptFolder    = "kept"
	leavingFolder = "kept.gone"
	asideFolder   = "kept.aside"
)

// Files of the server that its own start writes to in place, or that say what a
// stream is.
const (
	indexFile = "index.db"
	metaFile  = "meta.inf"
)

// kept is what was stored when a start began.
type kept struct {
	dir     string // the store directory
	streams []*keptStream
	aside   []string // where what an earlier start has kept was set aside
}

// keptStream is one stream of it.
type keptStream struct {
	account, name string
	blocks        map[string]int64 // the size of each file when the start began
}

// leftError says that what an earlier start has kept could not be put back: a start
// now could lose it.
type leftError struct{ err error }

func (e *leftError) Error() string { return e.err.Error() }
func (e *leftError) Unwrap() error { return e.err }

func (s *keptStream) kept(dir string) string {
	return filepath.Join(dir, keptFolder, s.account, s.name)
}

func (s *keptStream) stored(dir string) string {
	return filepath.Join(dir, serverFolder, s.account, streamsFolder, s.name)
}

// keepStored keeps what is stored in dir, after it has put back what a start that did not
// come to its end may have removed. Nobody else uses the directory.
func keepStored(ctx context.Context, dir string, link func(from, to string) error) (*kept, error) {
	for _, name := range []string{keepingFolder, leavingFolder} {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			return &kept{dir: dir}, fmt.Errorf("remove what an earlier start has left: %w", err)
		}
	}
	k := &kept{dir: dir}
	err := k.putBackLeft(ctx)
	if err != nil {
		return k, &leftError{err}
	}
	if k.streams, err = storedStreams(dir); err != nil || len(k.streams) == 0 {
		return k, err
	}
	if err := k.unbearable(ctx); err != nil {
		return k, err
	}
	keeping := filepath.Join(dir, keepingFolder)
	for _, s := range k.streams {
		if err := s.keep(ctx, s.stored(dir), filepath.Join(keeping, s.account, s.name), link); err != nil {
			return k, errors.Join(fmt.Errorf("keep stream %s: %w", s.name, err), os.RemoveAll(keeping))
		}
	}
	if err := os.Rename(keeping, filepath.Join(dir, keptFolder)); err != nil {
		return k, errors.Join(err, os.RemoveAll(keeping))
	}
	// A journal has the links on disk with this: they came before.
	return k, syncFolder(dir)
}

// storedStreams lists the streams that have messages. A folder with a dot before its
// name is one whose stream was deleted.
func storedStreams(dir string) ([]*keptStream, error) {
	folders, err := filepath.Glob(filepath.Join(escapeGlob(filepath.Join(dir, serverFolder)), "*", streamsFolder, "*", blocksFolder))
	if err != nil {
		return nil, err
	}
	var list []*keptStream
	for _, blocks := range folders {
		stream := filepath.Dir(blocks)
		s := &keptStream{account: filepath.Base(filepath.Dir(filepath.Dir(stream))), name: filepath.Base(stream)}
		if strings.HasPrefix(s.name, ".") {
			continue
		}
		if s.blocks, err = blockSizes(blocks); err != nil {
			return nil, err
		}
		if len(s.blocks) > 0 {
			list = append(list, s)
		}
	}
	return list, nil
}

// blockSizes lists the blocks of a stream that are not empty.
func blockSizes(folder string) (map[string]int64, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	blocks := map[string]int64{}
	for _, e := range entries {
		if _, ok := blockNumber(e.Name()); !ok {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return nil, err
		}
		if info.Size() > 0 {
			blocks[e.Name()] = info.Size()
		}
	}
	return blocks, nil
}

// keep links the files of a stream to another folder. What the server may write to in
// place is copied: a link would change with it.
func (s *keptStream) keep(ctx context.Context, from, to string, link func(from, to string) error) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		below, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, below)
		if d.IsDir() {
			return os.MkdirAll(target, 0o700)
		}
		if !d.Type().IsRegular() {
			return nil
		}
		inPlace := d.Name() == indexFile
		if _, isBlock := s.blocks[d.Name()]; isBlock && filepath.Base(filepath.Dir(path)) == blocksFolder {
			if inPlace, err = writtenInPlace(path); err != nil {
				return err
			}
		}
		if inPlace {
			return copyFile(path, target)
		}
		return link(path, target)
	})
}

// release removes what was kept.
func (k *kept) release() error { return release(k.dir) }

func release(dir string) error {
	leaving := filepath.Join(dir, leavingFolder)
	err := os.Rename(filepath.Join(dir, keptFolder), leaving)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return os.RemoveAll(leaving)
}

// putBackLeft looks at what a start has kept that did not come to its end, and puts
// back what the store lost in it. Where another program has gone on with the store since,
// what was kept is set aside instead.
func (k *kept) putBackLeft(ctx context.Context) error {
	folders, err := filepath.Glob(filepath.Join(escapeGlob(filepath.Join(k.dir, keptFolder)), "*", "*"))
	if err != nil {
		return err
	}
	for _, folder := range folders {
		s := &keptStream{account: filepath.Base(filepath.Dir(folder)), name: filepath.Base(folder)}
		if s.blocks, err = blockSizes(filepath.Join(folder, blocksFolder)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("look at what an earlier start has kept of stream %s: %w", s.name, err)
		}
		if s.present(k.dir) {
			damaged, err := s.harmed(ctx, k.dir)
			if err != nil {
				return err
			}
			if len(damaged) == 0 {
				continue
			}
		}
		grown, err := s.grown(k.dir)
		if err == nil && grown {
			var to string
			to, err = s.setAside(k.dir)
			k.aside = append(k.aside, to)
		} else if err == nil {
			err = s.putBack(k.dir)
		}
		if err != nil {
			return err
		}
	}
	return release(k.dir)
}

// present reports whether the store has the stream.
func (s *keptStream) present(dir string) bool {
	look := metaFile
	if _, err := os.Stat(filepath.Join(s.kept(dir), metaFile)); err != nil {
		look = "."
	}
	_, err := os.Stat(filepath.Join(s.stored(dir), look))
	return err == nil
}

// grown reports whether the store has messages of the stream that were not kept.
func (s *keptStream) grown(dir string) (bool, error) {
	now, err := blockSizes(filepath.Join(s.stored(dir), blocksFolder))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	for name, size := range now {
		if before, ok := s.blocks[name]; !ok || size > before {
			return true, err
		}
	}
	return false, err
}

// harmed lists the blocks that the start has changed because of damage. What else
// becomes of a block is the stream's own doing: messages that were erased or are too
// old, and the end of a write that was cut off.
func (s *keptStream) harmed(ctx context.Context, dir string) ([]BlockDamage, error) {
	var harmed []BlockDamage
	var last uint32
	for name := range s.blocks {
		n, _ := blockNumber(name)
		last = max(last, n)
	}
	for name, size := range s.blocks {
		keptAs := filepath.Join(s.kept(dir), blocksFolder, name)
		before, err := os.Stat(keptAs)
		if err != nil {
			return nil, err
		}
		now, err := os.Stat(filepath.Join(s.stored(dir), blocksFolder, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if err == nil && before.Size() == size && (now.Size() >= size || os.SameFile(now, before)) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		damage := checkBlock(s.name, keptAs)
		var bad *badRecord
		n, _ := blockNumber(name)
		if before.Size() == size && (damage == nil || errors.As(damage, &bad) && !bad.more && n == last) {
			continue
		}
		harmed = append(harmed, s.damageTo(dir, name, damage))
	}
	return harmed, nil
}

// setAside keeps the stream for a person, and returns where.
func (s *keptStream) setAside(dir string) (string, error) {
	for n := 1; ; n++ {
		to := filepath.Join(dir, fmt.Sprintf("%s.%d", asideFolder, n), s.account, s.name)
		if _, err := os.Stat(to); err == nil {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			return to, err
		}
		return to, os.Rename(s.kept(dir), to)
	}
}

// putBack makes the stream's folder what it was when it was kept.
func (s *keptStream) putBack(dir string) error {
	from, to := s.kept(dir), s.stored(dir)
	for name, size := range s.blocks {
		// The server has lengthened a compressed block that ends wrongly, by nothing.
		path := filepath.Join(from, blocksFolder, name)
		if info, err := os.Stat(path); err == nil && info.Size() > size {
			if err := os.Truncate(path, size); err != nil {
				return fmt.Errorf("put stream %s back: %w", s.name, err)
			}
		}
	}
	aside := filepath.Join(dir, keepingFolder, s.account, s.name)
	var err error
	for range 10 { // a server that has ended may still be about to remove the empty folders
		if err = errors.Join(os.MkdirAll(filepath.Dir(to), 0o700), os.MkdirAll(filepath.Dir(aside), 0o700)); err != nil {
			continue
		}
		if err = os.Rename(to, aside); err != nil && !errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err = os.Rename(from, to); err == nil {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("put stream %s back, which is kept in %s: %w", s.name, from, err)
	}
	return errors.Join(syncFolder(filepath.Dir(to)), os.RemoveAll(filepath.Join(dir, keepingFolder)))
}

// copyFile writes a file's bytes to a new one, and to the disk.
func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	return out.Sync()
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// escapeGlob is a path in which no character stands for others.
func escapeGlob(path string) string {
	var b bytes.Buffer
	for _, r := range path {
		if strings.ContainsRune(`*?[\`, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}
