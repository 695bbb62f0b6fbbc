# Makes the small files of this folder with numpy, scipy and h5py (the *.nc and the other *.h5 are GDAL autotest
# samples, MIT licence). Every cube is 3 lines x 4 samples x 5 bands with value 100*line + 10*sample + band.
import numpy as np, scipy.io as sio, h5py
cube = np.fromfunction(lambda i, j, b: 100 * i + 10 * j + b, (3, 4, 5))
wl = np.array([400., 500., 600., 700., 800.])
flat = cube.transpose(2, 0, 1).reshape(5, 12, order="F")  # bands x pixels, pixels down the columns

# MATLAB 4 to 7
info = {"Data": cube.astype("i2"), "info": {"wavelengths": wl[:, None]}, "title": "a struct"}
sio.savemat("plain.mat", {"scene": cube.astype("u2"), "wavelengths": wl, "note": "text", "label_gt": cube[:, :, 0]})
sio.savemat("packed.mat", {"scene": cube, "hsi": info, "z": cube + 1j, "wl": wl}, do_compression=True)
sio.savemat("struct.mat", {"hsi": info})
sio.savemat("two.mat", {"first": cube, "second": cube + 1})
sio.savemat("two_known.mat", {"first": cube, "data": cube + 1})
sio.savemat("bundle.mat", {"V": flat, "nRow": 3.0, "nCol": 4.0, "nBand": 5.0, "S": cube[:, :, :2]})
sio.savemat("sides.mat", {"M": flat})
sio.savemat("v4.mat", {"image": cube[:, :, 0], "x": np.arange(3.)}, format="4")
from scipy.sparse import csc_matrix
sio.savemat("odd.mat", {"sp": csc_matrix(np.eye(3)), "c": np.array(["a", "bc"], dtype=object), "z": 1j * cube})
gt = np.array([[0, 1, 2, 3], [3, 3, 1, 0], [2, 2, 2, 1]], dtype="u1")
words = np.array(["soil, bare", "grass", "tree"], dtype=object)
sio.savemat("classes.mat", {"gt": gt, "class_names": words, "colours": np.array([[1, 0, 0], [0, 1, 0], [0, 0, 0.2]])})
sio.savemat("classes_background.mat", {"gt": gt, "labelNames": np.array(["background", *words], dtype=object)})
sio.savemat("library.mat", {"lib": np.arange(10.).reshape(5, 2), "names": np.array(["soil one", "water"], dtype=object),
                            "wavelengths": wl})

# MATLAB 7.3: arrays with reversed axes, structs as groups, cells as references
with h5py.File("v73.mat", "w", userblock_size=512) as f:
    d = f.create_dataset("scene", data=cube.astype("i2").transpose(2, 1, 0), chunks=(2, 4, 3), compression="gzip")
    d.attrs["MATLAB_class"] = np.bytes_("int16")
    t = f.create_dataset("note", data=np.array([[97], [98]], "u2")); t.attrs["MATLAB_class"] = np.bytes_("char")
    g = f.create_group("hsi"); g.attrs["MATLAB_class"] = np.bytes_("struct")
    x = g.create_dataset("Data", data=cube.transpose(2, 1, 0)); x.attrs["MATLAB_class"] = np.bytes_("double")
    w = g.create_dataset("wavelengths", data=wl[None, :]); w.attrs["MATLAB_class"] = np.bytes_("double")
    refs = f.create_group("#refs#"); a = refs.create_dataset("a", data=(cube + 7).transpose(2, 1, 0))
    a.attrs["MATLAB_class"] = np.bytes_("double")
    c = f.create_dataset("cell", data=np.array([[a.ref]], dtype=h5py.ref_dtype)); c.attrs["MATLAB_class"] = np.bytes_("cell")
    z = f.create_dataset("z", data=cube + 1j)
with open("v73.mat", "r+b") as f:
    f.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")
with h5py.File("v73_bundle.mat", "w", userblock_size=512) as f:
    for k, v in {"V": flat.T, "nRow": [[3.]], "nCol": [[4.]]}.items():
        f.create_dataset(k, data=v).attrs["MATLAB_class"] = np.bytes_("double")

# NumPy
np.save("c_order.npy", cube.astype("<f4"))
np.save("f_order.npy", np.asfortranarray(cube.astype("<i2")))
np.save("big.npy", cube.astype(">f8"))
np.save("half.npy", cube.astype("<f2"))
np.save("bands_first.npy", cube.transpose(2, 0, 1).astype("u1"))
with open("version3.npy", "wb") as f: np.lib.format.write_array(f, cube.astype(">u2"), version=(3, 0))
np.savez_compressed("several.npz", cube=cube.astype("<u2"), wavelengths=wl, mask=np.ones((3, 4)))

# Products
emit = dict(chunks=(2, 2, 5), compression="gzip")
with h5py.File("emit.nc", "w") as f:
    f.attrs["instrument"] = np.bytes_("EMIT"); f.attrs["time_coverage_start"] = "2023-08-01T10:11:12+0000"
    d = f.create_dataset("reflectance", data=cube.astype("f4"), **emit); d.attrs["_FillValue"] = np.array([-9999.], "f4")
    g = f.create_group("sensor_band_parameters")
    w = g.create_dataset("wavelengths", data=wl.astype("f4")); w.attrs["units"] = np.bytes_("nm")
    g.create_dataset("fwhm", data=np.full(5, 8.5, "f4")); g.create_dataset("good_wavelengths", data=np.array([1, 1, 0, 1, 1], "u1"))
    l = f.create_group("location")
    for n in ("lon", "lat"): l.create_dataset(n, data=np.ones((3, 4)))
# emit.nc with a lookup table: a grid of 4 lines x 6 samples in which the swath lies turned, in samples 1 to 3; the first of
# its cells is empty. Longitude and latitude are those of the cells.
with h5py.File("emit_glt.nc", "w") as f:
    f.attrs["instrument"] = np.bytes_("EMIT"); f.attrs["time_coverage_start"] = "2023-08-01T10:11:12+0000"
    f.attrs["geotransform"] = np.array([10., 0.5, 0., 50., 0., -0.5]); f.attrs["spatial_ref"] = "EPSG:4326"
    d = f.create_dataset("reflectance", data=cube.astype("f4"), **emit); d.attrs["_FillValue"] = np.array([-9999.], "f4")
    g = f.create_group("sensor_band_parameters")
    w = g.create_dataset("wavelengths", data=wl.astype("f4")); w.attrs["units"] = np.bytes_("nm")
    g.create_dataset("fwhm", data=np.full(5, 8.5, "f4")); g.create_dataset("good_wavelengths", data=np.array([1, 1, 0, 1, 1], "u1"))
    l = f.create_group("location"); i, j = np.mgrid[0:3, 0:4]
    l.create_dataset("lon", data=10.25 + 0.5 * (3 - i)); l.create_dataset("lat", data=49.75 - 0.5 * j)
    x = np.zeros((4, 6), "i4"); y = np.zeros((4, 6), "i4")
    for line in range(4):
        for sample in range(1, 4): x[line, sample] = line + 1; y[line, sample] = 4 - sample
    x[0, 1] = 0; y[0, 1] = 0
    l.create_dataset("glt_x", data=x, chunks=(2, 3)); l.create_dataset("glt_y", data=y, chunks=(2, 3))
with h5py.File("aviris3.nc", "w") as f:
    g = f.create_group("reflectance")
    d = g.create_dataset("reflectance", data=cube.transpose(2, 0, 1).astype("f4"), chunks=(5, 2, 2))
    d.attrs["_FillValue"] = np.array([-9999.], "f4"); d.attrs["grid_mapping"] = np.bytes_("transverse_mercator")
    g.create_dataset("wavelength", data=wl.astype("f4")); g.create_dataset("fwhm", data=np.full(5, 9., "f4"))
    m = f.create_dataset("transverse_mercator", data=np.bytes_("")); m.attrs["GeoTransform"] = "500000 10 0 4000000 0 -10"
    m.attrs["spatial_ref"] = 'LOCAL_CS["somewhere"]'
with h5py.File("prisma.he5", "w") as f:
    h = f.create_group("HDFEOS/SWATHS/PRS_L2D_HCO/Data Fields")
    vnir = np.zeros((3, 5, 4), "u2"); swir = np.zeros((3, 4, 4), "u2")
    for i in range(3):
        for j in range(4):
            for b in range(5): vnir[i, b, j] = 1000 + 100 * i + 10 * j + b
            for b in range(4): swir[i, b, j] = 2000 + 100 * i + 10 * j + b
    h.create_dataset("VNIR_Cube", data=vnir, chunks=(1, 5, 4)); h.create_dataset("SWIR_Cube", data=swir)
    # Descending; the first VNIR band and the last SWIR band are unused; overlap 920 to 1010 nm.
    f.attrs["List_Cw_Vnir"] = np.array([0., 1010., 930., 700., 420.], "f4"); f.attrs["List_Fwhm_Vnir"] = np.array([0., 12, 11, 10, 9], "f4")
    f.attrs["List_Cw_Swir"] = np.array([2400., 980., 920., 0.], "f4"); f.attrs["List_Fwhm_Swir"] = np.array([14., 13, 12, 0], "f4")
    f.attrs["L2ScaleVnirMin"] = np.float32(0.0); f.attrs["L2ScaleVnirMax"] = np.float32(0.65535)
    f.attrs["L2ScaleSwirMin"] = np.float32(0.1); f.attrs["L2ScaleSwirMax"] = np.float32(1.4107)
    f.attrs["Epsg_Code"] = np.int32(32633)
    f.attrs["Product_ULcorner_easting"] = 400015.0; f.attrs["Product_ULcorner_northing"] = 4999985.0
    f.attrs["Product_LRcorner_easting"] = 400015.0 + 90; f.attrs["Product_LRcorner_northing"] = 4999985.0 - 60
    f.attrs["Product_StartTime"] = np.bytes_("2021-05-06T10:00:00")
with h5py.File("neon.h5", "w") as f:
    r = f.create_group("ABCD/Reflectance")
    d = r.create_dataset("Reflectance_Data", data=cube.astype("i2")); d.attrs["Scale_Factor"] = np.array([10000.]); d.attrs["Data_Ignore_Value"] = np.array([-9999.])
    r.attrs["Band_Window_1_Nanometers"] = np.array([590., 610.])
    s = r.create_group("Metadata/Spectral_Data"); s.create_dataset("Wavelength", data=wl); s.create_dataset("FWHM", data=np.full(5, 5.8))
    c = r.create_group("Metadata/Coordinate_System")
    c.create_dataset("Map_Info", data=np.bytes_("UTM, 1.000, 1.000, 257000.00, 4112000.0, 2.0, 2.0, 11, North, WGS-84, units=Meters, 0"))
    c.create_dataset("EPSG Code", data=np.bytes_("32611"))
with h5py.File("tanager.h5", "w") as f:
    d = f.create_dataset("HDFEOS/SWATHS/HYP/Data Fields/toa_radiance", data=cube.transpose(2, 0, 1).astype("f4"), chunks=(1, 3, 4))
    d.attrs["wavelengths"] = wl; d.attrs["fwhm"] = np.full(5, 5.5); d.attrs["good_wavelengths"] = np.array([1, 1, 1, 1, 0])
    for n in ("Longitude", "Latitude"): f.create_dataset("HDFEOS/SWATHS/HYP/Geolocation Fields/" + n, data=np.ones((3, 4)))
with h5py.File("generic.h5", "w") as f:
    f.create_dataset("g/cube", data=cube.transpose(0, 2, 1).astype(">i4"), chunks=(2, 2, 3), compression="gzip", shuffle=True)
    w = f.create_dataset("g/band_center", data=wl / 1000); w.attrs["units"] = "micrometers"
with h5py.File("silent.h5", "w") as f:
    f.create_dataset("a", data=cube.astype("f2"))
with h5py.File("several.h5", "w") as f:
    f.create_dataset("one", data=cube); f.create_dataset("deep/two", data=cube + 1); f.create_dataset("wl", data=wl)
