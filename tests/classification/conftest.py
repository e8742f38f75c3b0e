import pytest


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory):
    """A Lightning checkpoint after two steps on eight tiny chips."""
    from tiny_training import loader, make_module, make_trainer  # torch, only for those who need it

    path = tmp_path_factory.mktemp("checkpoint") / "two_steps.ckpt"
    trainer = make_trainer(path.parent, max_epochs=1)
    trainer.fit(make_module(), loader(), loader())
    trainer.save_checkpoint(path)
    return path
