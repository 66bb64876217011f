package embedded

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// BenchmarkKeep is what a start costs more for a store of 5,000 blocks.
func BenchmarkKeep(b *testing.B) {
	dir := b.TempDir()
	folder := filepath.Join(dir, serverFolder, "$G", streamsFolder, "ROSEY", blocksFolder)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		b.Fatal(err)
	}
	block := append([]byte(blockHeader), make([]byte, 4096)...)
	copy(block[len(blockHeader):], "\xff\xff\xff\x03")
	for n := range 5000 {
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("%d.blk", n+1)), block, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		k, err := keepStored(b.Context(), dir, os.Link)
		if err != nil {
			b.Fatal(err)
		}
		if err := k.settle(b.Context(), func() {}, nil, nil); err != nil {
			b.Fatal(err)
		}
	}
}
