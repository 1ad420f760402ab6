from pipeline.config import Settings as Settings
from pipeline.config import load_settings as load_settings
from pipeline.domain.analysis import Analysis as Analysis
from pipeline.domain.change import Comparison as Comparison
from pipeline.domain.lesion import Excluded as Excluded
from pipeline.domain.lesion import Lesion as Lesion
from pipeline.domain.scan import Acquisition as Acquisition
from pipeline.domain.scan import Scan as Scan
from pipeline.errors import GeometryError as GeometryError
from pipeline.errors import InputRefused as InputRefused
from pipeline.errors import OutputError as OutputError
from pipeline.errors import PipelineError as PipelineError
from pipeline.errors import UsageError as UsageError
from pipeline.notebook.change import show_change as show_change
from pipeline.notebook.images import anatomy_from_labels as anatomy_from_labels
from pipeline.notebook.images import from_array as from_array
from pipeline.notebook.images import from_sitk as from_sitk
from pipeline.notebook.images import outlines_from as outlines_from
from pipeline.notebook.looking import analyse as analyse
from pipeline.notebook.looking import compare as compare
from pipeline.notebook.looking import forget as forget
from pipeline.notebook.looking import remembered_bytes as remembered_bytes
from pipeline.notebook.looking import write as write
from pipeline.notebook.montage import montage as montage
from pipeline.notebook.scans import phantom as phantom
from pipeline.notebook.scans import read_anatomy as read_anatomy
from pipeline.notebook.scans import read_ct as read_ct
from pipeline.notebook.scans import read_outlines as read_outlines
from pipeline.notebook.viewer import show as show

__version__: str
__all__: list[str]
