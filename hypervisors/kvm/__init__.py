"""KVM and QEMU through libvirt: adapter, pure readers and builders of XML, transfer of images, faults."""
