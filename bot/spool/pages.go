package spool

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// pageFile is a SQLite database read page by page, without SQLite: the pages of
// the file, and those of the log beside it in every version it has of them.
// Nothing in it is trusted, whatever it holds.
type pageFile struct {
	file, log *os.File // log is nil where there is none
	pageSize  int64
	pages     int64             // in the file, the last one perhaps cut short
	versions  map[uint32][]page // what the log has of each page, the oldest first
	frames    []page            // all pages of the log, in its order
}

// page is where one version of a page lies.
type page struct {
	number uint32
	inLog  bool
	offset int64
}

const (
	defaultPageSize = 4096
	logHeaderBytes  = 32
	frameBytes      = 24 // before each page of the log
	fileMagic       = "SQLite format 3\x00"
)

func openPages(path string) (_ *pageFile, err error) {
	p := &pageFile{pageSize: defaultPageSize, versions: map[uint32][]page{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close())
		}
	}()
	if p.file, err = os.Open(path); err != nil {
		return nil, err
	}
	p.log, err = os.Open(path + "-wal")
	if errors.Is(err, fs.ErrNotExist) {
		p.log, err = nil, nil
	}
	if err != nil {
		return nil, err
	}
	info, err := p.file.Stat()
	if err != nil {
		return nil, err
	}
	p.readPageSize()
	p.pages = (info.Size() + p.pageSize - 1) / p.pageSize
	return p, p.readLog()
}

func (p *pageFile) close() error {
	var errs []error
	for _, f := range []*os.File{p.file, p.log} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}

// readPageSize takes the page size from whichever header is whole.
func (p *pageFile) readPageSize() {
	header := make([]byte, 100)
	if _, err := p.file.ReadAt(header, 0); err == nil && strings.HasPrefix(string(header), fileMagic) {
		size := int64(binary.BigEndian.Uint16(header[16:]))
		if size == 1 {
			size = 1 << 16
		}
		if validPageSize(size) {
			p.pageSize = size
			return
		}
	}
	if p.log == nil {
		return
	}
	if _, err := p.log.ReadAt(header[:logHeaderBytes], 0); err == nil && logMagic(header) {
		if size := int64(binary.BigEndian.Uint32(header[8:])); validPageSize(size) {
			p.pageSize = size
		}
	}
}

func validPageSize(size int64) bool { return size >= 512 && size <= 1<<16 && size&(size-1) == 0 }

// readLog lists the pages of the log, those of transactions that were never
// finished too: whether a row is whole its checksum says.
func (p *pageFile) readLog() error {
	if p.log == nil {
		return nil
	}
	header := make([]byte, frameBytes)
	for at := int64(logHeaderBytes); ; at += frameBytes + p.pageSize {
		if _, err := p.log.ReadAt(header, at); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return fmt.Errorf("read log: %w", err)
		}
		frame := page{number: binary.BigEndian.Uint32(header), inLog: true, offset: at + frameBytes}
		p.versions[frame.number] = append(p.versions[frame.number], frame)
		p.frames = append(p.frames, frame)
	}
}

// read reads one version of a page. One that is cut short, or that the disk does
// not give back, ends in zeroes.
func (p *pageFile) read(at page, buf []byte) []byte {
	f := p.file
	if at.inLog {
		f = p.log
	}
	buf = buf[:p.pageSize]
	n, _ := f.ReadAt(buf, at.offset)
	clear(buf[n:])
	return buf
}

// version finds a page that another one refers to: beside that one first, in its
// newest version.
func (p *pageFile) version(number uint32, inLog bool) (page, bool) {
	logged := p.versions[number]
	filed := number > 0 && int64(number) <= p.pages
	switch {
	case len(logged) > 0 && (inLog || !filed):
		return logged[len(logged)-1], true
	case filed:
		return page{number: number, offset: int64(number-1) * p.pageSize}, true
	}
	return page{}, false
}

// all calls do with every version of every page, the log's last, and its content,
// which is valid during the call alone.
func (p *pageFile) all(do func(at page, content []byte)) {
	buf := make([]byte, p.pageSize)
	for n := range p.pages {
		at := page{number: uint32(n + 1), offset: n * p.pageSize}
		do(at, p.read(at, buf))
	}
	for _, at := range p.frames {
		do(at, p.read(at, buf))
	}
}
